import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { loadChain } from '../../../src/inspect/load.ts'
import { readAuthor, seenAddresses } from '../../../src/inspect/plugins/impersonation/author.ts'
import { decodeWords, nameKey } from '../../../src/inspect/plugins/impersonation/name.ts'
import { parseImpersonationOptions } from '../../../src/inspect/plugins/impersonation/options.ts'
import { memoryContent } from '../../../src/mail/content.ts'
import { parseHeader } from '../../../src/mail/header.ts'
import { pluginContext } from '../../support/services.ts'
import type { Zone } from '../../support/zone.ts'
import { chainMessage, LIMITS, never, SESSION } from './harness.ts'

const ZONE: Zone = {
  'royal.test': { txt: ['v=spf1 ip4:192.0.2.7 -all'] },
  'strict.test': { txt: ['v=spf1 ip4:192.0.2.7 -all'] },
  '_dmarc.strict.test': { txt: ['v=DMARC1; p=none'] },
}

/** What becomes of mail from outside with this From. */
async function judge(t: TestContext, options: object = {}) {
  const context = pluginContext(t, ZONE, { domains: ['royal.test', 'strict.test'] })
  const entry = (name: string, given: object) =>
    ({ name, module: null, mode: 'enforce', deadlineMs: 20_000, options: { ...given } }) as const
  const chain = await loadChain([entry('authentication', {}), entry('impersonation', options)], LIMITS, context)
  return async (from: string, address = '203.0.113.9', client: string | null = null) => {
    const bytes = Buffer.from(
      `${from
        .split('\n')
        .map((each) => `From: ${each}\r\n`)
        .join('')}\r\nx\r\n`,
    )
    const domain = /@([a-z.]+)>?$/.exec(from)?.[1] ?? 'royal.test'
    const { verdict } = await chain.data(
      chainMessage('', '', {
        session: { ...SESSION, remoteAddress: address, client },
        mailFrom: { local: 'a', domain },
        header: parseHeader(bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 2)),
        content: memoryContent(bytes),
      }),
      never,
    )
    return verdict.action === 'tag' ? `tag ${verdict.reason}` : verdict.action
  }
}

test('From in a domain of ours is held where nothing proves it, and passes where SPF does', async (t) => {
  const said = await judge(t)
  for (const from of ['ward@royal.test', 'Ward <ward@royal.test>', 'ward@below.royal.test', 'ward@strict.test']) {
    assert.equal(await said(from), 'hold', from)
  }
  assert.equal(await said('ward@royal.test', '192.0.2.7'), 'continue')
  assert.equal(await said('ward@strict.test', '192.0.2.7'), 'continue')
  assert.equal(await said('ward@other.test'), 'continue')
  assert.equal(await said('ward@notroyal.test'), 'continue')
})

test('registered clients may write in our names: who they are is known', async (t) => {
  assert.equal(await (await judge(t))('ward@royal.test', '10.0.0.1', 'gateway'), 'continue')
})

test('what is done about it is configured, and who is excepted', async (t) => {
  assert.equal(await (await judge(t, { ownDomain: 'reject' }))('ward@royal.test'), 'reject')
  assert.equal(await (await judge(t, { ownDomain: 'off' }))('ward@royal.test'), 'continue')
  const except = await judge(t, { except: ['news@royal.test', '@strict.test'] })
  assert.equal(await except('News@royal.test'), 'continue')
  assert.equal(await except('ward@strict.test'), 'continue')
  assert.equal(await except('ward@royal.test'), 'hold')
  assert.equal(await (await judge(t, { domains: ['trust.test'] }))('ward@trust.test'), 'hold')
})

const shows: readonly (readonly [string, boolean])[] = [
  ['"ward@royal.test" <x@other.test>', true],
  ['ward@royal.test <x@other.test>', true],
  ['"Ward (ward@royal.test)" <x@other.test>', true],
  ['=?utf-8?q?ward=40royal=2Etest?= <x@other.test>', true],
  ['=?utf-8?b?d2FyZEBy?= =?utf-8?b?b3lhbC50ZXN0?= <x@other.test>', true],
  ['"<ward@royal.test>" <x@other.test>', true],
  ['"ward@ROYAL.test" <x@other.test>', true],
  ['=?utf-8?q?ward=EF=BC=A0royal=2Etest?= <x@other.test>', true],
  ['=?utf-8?q?war=E2=80=8Bd=40ro=C2=ADyal=2Etest?= <x@other.test>', true],
  ['x@other.test (ward@royal.test)', true],
  ['"ward@other.test" <x@other.test>', false],
  ['Ward 7 <x@other.test>', false],
  ['"x@royal.test.other.test" <x@other.test>', false],
]
for (const [from, expected] of shows) {
  test(`${from} ${expected ? 'shows' : 'does not show'} an address of ours`, async (t) => {
    const said = await (await judge(t))(from)
    assert.equal(said, expected ? 'tag the name in From shows an address of ours, and it is not its own' : 'continue')
  })
}

test('the name of somebody of ours with another address is found, however it is written', async (t) => {
  const said = await judge(t, {
    people: ['Jane Smith <jane@royal.test>', 'Jane Smith <j.smith@home.test>', 'Zoë Löw <z@royal.test>'],
    displayName: 'reject',
  })
  const false_ = [
    'Jane Smith',
    'Smith, Jane',
    '"SMITH  jane"',
    '=?iso-8859-1?q?Zo=EB_L=F6w?=',
    'Zoe Low',
    'j\u0430ne smith'.replace('\u0430', 'a'),
  ]
  for (const name of false_) assert.equal(await said(`${name} <x@other.test>`), 'reject', name)
  assert.equal(await said('Jane Smith <J.Smith@home.test>'), 'continue')
  assert.equal(await said('Jane Smithson <x@other.test>'), 'continue')
  assert.equal(await said('"j.smith@home.test" <x@other.test>'), 'reject')
})

test('every From counts, as programs differ on which one they show', async (t) => {
  assert.equal(await (await judge(t))('x@other.test\nward@royal.test'), 'hold')
})

test('without authentication it cannot work, and is refused', async (t) => {
  const entry = { name: 'impersonation', module: null, mode: 'enforce' as const, deadlineMs: 1_000, options: {} }
  await assert.rejects(
    loadChain([entry], LIMITS, pluginContext(t, {})),
    /impersonation goes by what authentication finds/,
  )
})

test('From fields are read as readers see them', () => {
  const shown = (value: string) => {
    const author = readAuthor(value)
    return [author?.addresses.map(({ local, domain }) => `${local}@${domain}`), author?.shown.trim()]
  }
  assert.deepEqual(shown('a@b.test'), [['a@b.test'], ''])
  assert.deepEqual(shown('A "B" C <a@b.test>'), [['a@b.test'], 'a b c'])
  assert.deepEqual(shown('A <a@b.test>, B <b@b.test>'), [['a@b.test', 'b@b.test'], 'a  , b'])
  assert.deepEqual(shown('a@b.test, c@d.test'), [['a@b.test', 'c@d.test'], ''])
  assert.deepEqual(shown('"never ends <a@b.test>'), [['a@b.test'], '"never ends'])
  assert.equal(readAuthor('nobody'), null)
  assert.equal(readAuthor('<>'), null)
})

test('words of other charsets are read, and what is none stays', () => {
  assert.equal(decodeWords('=?iso-8859-1*en?q?caf=E9_au_lait?='), 'café au lait')
  assert.equal(decodeWords('=?utf-8?b?w6k=?= \t=?utf-8?b?w6k=?= x'), 'éé x')
  assert.equal(decodeWords('=?x-unknown?b?w6k=?='), '=?x-unknown?b?w6k=?=')
  assert.equal(nameKey('Dr. Smith, JANE'), 'dr jane smith')
})

test('reading a From takes no longer than its length', () => {
  const started = performance.now()
  for (const text of [
    '<'.repeat(60_000),
    '"'.repeat(60_001),
    '('.repeat(60_000),
    'a@'.repeat(30_000),
    '=?'.repeat(30_000),
    '@a'.repeat(30_000),
  ]) {
    readAuthor(`${text} <a@b.test>`)
    seenAddresses(text.slice(0, 8192))
  }
  assert.ok(performance.now() - started < 2_000)
})

test('wrong options are named', () => {
  const wrong: [object, RegExp][] = [
    [{ people: ['Jane'] }, /people: expected 'Name <address>', found 'Jane'/],
    [{ people: ['<a@b.test>'] }, /people: expected/],
    [{ domains: ['no domain'] }, /expected a domain/],
    [{ except: ['@'] }, /expected a domain/],
    [{ except: ['nobody'] }, /expected an address or @domain/],
    [{ ownDomain: 'drop' }, /ownDomain: expected one of/],
  ]
  for (const [given, said] of wrong) assert.throws(() => parseImpersonationOptions(given), said)
})

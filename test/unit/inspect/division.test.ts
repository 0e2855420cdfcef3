import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Grouping } from '../../../src/inspect/division.ts'
import type { Division, DivisionView, Inspector, Mode, Modifier } from '../../../src/inspect/plugin.ts'
import { memoryContent } from '../../../src/mail/content.ts'
import { CONTINUE } from '../../../src/mail/verdict.ts'
import { chainMessage, chainOf, kept, never, SESSION, textOf } from './harness.ts'

const grouping = (...locals: readonly string[]): Grouping => ({
  session: SESSION,
  mailFrom: null,
  rcptTo: locals.map((local) => ({
    recipient: { address: { local, domain: 'ours.test' }, notify: null, orcpt: null },
    direction: 'inbound',
  })),
  header: [{ name: 'Subject', value: 'results' }],
})

const divider = (divide: (view: DivisionView) => readonly Division[], name = 'divider'): Inspector => ({
  name,
  divide,
  data: async () => CONTINUE,
})

/** By the first letter of the local part. */
const byLetter = divider(({ rcptTo }) => rcptTo.map(({ recipient }) => ({ key: recipient.address.local.slice(0, 1) })))

const secret: Division = { key: 'secret', sensitive: true }

test('recipients of whom a plugin says different things are groups, in the order of the first ones', async () => {
  const chain = chainOf([byLetter])
  assert.equal(chain.isConditional, true)
  const groups = chain.groups(grouping('ann', 'bob', 'amy', 'cid'))
  assert.deepEqual(
    groups.map(({ indexes, divisions, sensitive }) => [indexes, divisions.get('divider'), sensitive]),
    [
      [[0, 2], 'a', false],
      [[1], 'b', false],
      [[3], 'c', false],
    ],
  )
})

test('a plugin is told only of those to whom its condition applies, and sees the header', () => {
  const seen: string[] = []
  const plugin = divider(({ rcptTo, header }) => {
    seen.push(...rcptTo.map(({ recipient }) => recipient.address.local), ...header.map(({ value }) => value))
    return rcptTo.map(() => secret)
  })
  const there = grouping('ann').rcptTo[0]
  assert.ok(there)
  const far = { ...there, recipient: { ...there.recipient, address: { local: 'bob', domain: 'far.test' } } }
  const chain = chainOf([{ plugin, when: { recipients: ['far.test'] } }])
  const groups = chain.groups({ ...grouping(), rcptTo: [there, far] })
  assert.deepEqual(seen, ['bob', 'results'])
  assert.deepEqual(
    groups.map(({ indexes, sensitive }) => [indexes, sensitive]),
    [
      [[0], false],
      [[1], true],
    ],
  )
})

test('plugins that only watch divide nothing', () => {
  for (const mode of ['observe', 'tag'] satisfies Mode[]) {
    const chain = chainOf([{ plugin: byLetter, mode }])
    assert.equal(chain.isConditional, false)
    assert.equal(chain.groups(grouping('ann', 'bob')).length, 1)
  }
})

test('what several plugins say is joined, and one that calls a recipient sensitive is enough', () => {
  const other = divider(({ rcptTo }) => rcptTo.map((_, i) => (i === 1 ? secret : { key: '' })), 'other')
  const groups = chainOf([byLetter, other]).groups(grouping('ann', 'amy', 'abe'))
  assert.deepEqual(
    groups.map(({ indexes, sensitive }) => [indexes, sensitive]),
    [
      [[0, 2], false],
      [[1], true],
    ],
  )
})

const NONSENSE: readonly [string, (view: DivisionView) => readonly Division[]][] = [
  [
    'throws',
    () => {
      throw new Error('out of order')
    },
  ],
  ['forgets a recipient', () => [{ key: '' }]],
  ['gives no list', () => 'all' as unknown as readonly Division[]],
  ['gives no keys', ({ rcptTo }) => rcptTo.map(() => ({}) as Division)],
  ['gives endless keys', ({ rcptTo }) => rcptTo.map(() => ({ key: 'x'.repeat(201) }))],
  ['says no to sensitive in another way', ({ rcptTo }) => rcptTo.map(() => ({ key: '', sensitive: 0 }) as never)],
]

for (const [how, divide] of NONSENSE) {
  test(`a message is deferred by a plugin that ${how} instead of dividing it`, async () => {
    const context = kept()
    const chain = chainOf([divider(divide)], context)
    const [group, ...others] = chain.groups(grouping('ann', 'bob'))
    assert.deepEqual([group?.indexes, others.length, group?.sensitive], [[0, 1], 0, true])
    const outcome = await group?.chain.data(chainMessage(), never)
    assert.equal(outcome?.verdict.action, 'defer')
    assert.equal(outcome?.plugin, 'divider')
    assert.equal(context.lines.filter(({ message }) => message === 'a plugin failed').length, 1)
  })
}

const SENSITIVE = { ...chainMessage(), envelope: { ...chainMessage().envelope, sensitive: true } } as const

const replacing = (encrypted?: true): Modifier => {
  const content = memoryContent(Buffer.from('From: a@client.test\r\n\r\nxyz\r\n'))
  return { name: 'replacing', modify: async () => [{ do: 'replaceContent', content, ...(encrypted && { encrypted }) }] }
}

test('sensitive content stays so, whatever is changed, until a plugin has encrypted it', async () => {
  assert.equal((await chainOf([]).data(SENSITIVE, never)).sensitive, true)
  assert.equal((await chainOf([replacing()]).data(SENSITIVE, never)).sensitive, true)
  const done = await chainOf([replacing(true)]).data(SENSITIVE, never)
  assert.equal(done.sensitive, undefined)
  assert.match(await textOf(done), /xyz/)
  assert.equal((await chainOf([replacing(true)]).data(chainMessage(), never)).sensitive, undefined)
})

test('a plugin that only watches has encrypted nothing', async () => {
  for (const mode of ['observe', 'tag'] satisfies Mode[]) {
    const outcome = await chainOf([{ plugin: replacing(true), mode }]).data(SENSITIVE, never)
    assert.equal(outcome.sensitive, true)
  }
})

test('line ends are seen whole wherever large content is cut for looking at it', async () => {
  const head = 'From: a@client.test\r\n\r\n'
  // looked at in pieces of 256 KiB
  const filled = 'x'.repeat(256 * 1024 - head.length - 1)
  const verdict = async (text: string) => {
    const content = memoryContent(Buffer.from(text))
    const modifier: Modifier = { name: 'large', modify: async () => [{ do: 'replaceContent', content }] }
    return (await chainOf([modifier]).data(chainMessage(), never)).verdict.action
  }
  assert.equal(await verdict(`${head}${filled}\r\nend\r\n`), 'continue')
  assert.equal(await verdict(`${head}${filled}\rxend\r\n`), 'defer')
  assert.equal(await verdict(`${head}${filled}x\nend\r\n`), 'defer')
})

test('encrypted content may have grown by half, and other content may not', async () => {
  const of = (size: number, encrypted: boolean): Modifier => {
    const text = `From: a@client.test\r\n\r\n${`${'x'.repeat(98)}\r\n`.repeat(size / 100)}`
    const content = memoryContent(Buffer.from(text))
    return { name: 'growing', modify: async () => [{ do: 'replaceContent', content, ...(encrypted && { encrypted }) }] }
  }
  const verdict = async (modifier: Modifier) => (await chainOf([modifier]).data(SENSITIVE, never)).verdict.action
  // the chain of these tests takes 100,000 bytes, and everything may grow by 1 MiB
  assert.equal(await verdict(of(1_190_000, true)), 'continue')
  assert.equal(await verdict(of(1_200_000, true)), 'defer')
  assert.equal(await verdict(of(1_190_000, false)), 'defer')
})

import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { loadChain } from '../../../src/inspect/load.ts'
import type { Mode } from '../../../src/inspect/plugin.ts'
import { memoryContent } from '../../../src/mail/content.ts'
import type { DmarcObservation } from '../../../src/mail/dmarc.ts'
import { parseHeader } from '../../../src/mail/header.ts'
import { pluginContext } from '../../support/services.ts'
import { chainMessage, LIMITS, never, SESSION } from './harness.ts'

const RUA = 'rua=mailto:dmarc@theirs.test'
const ZONE = {
  'theirs.test': { txt: ['v=spf1 ip4:192.0.2.7 -all'] },
  '_dmarc.theirs.test': { txt: [`v=DMARC1; p=reject; sp=quarantine; aspf=s; pct=50; ${RUA}`] },
  'sub.theirs.test': { txt: ['v=spf1 -all'] },
  'silent.test': { txt: ['v=spf1 -all'] },
  '_dmarc.silent.test': { txt: ['v=DMARC1; p=reject'] },
}

interface Setting {
  readonly mode?: Mode
  readonly options?: object
  readonly failing?: readonly string[]
}

async function observed(
  t: TestContext,
  from: string,
  address: string,
  { mode = 'enforce', options = {}, failing = [] }: Setting = {},
) {
  const context = pluginContext(t, ZONE, { failing })
  const found: DmarcObservation[] = []
  const services = {
    ...context.services,
    dmarcObservations: { add: (each: DmarcObservation) => void found.push(each) },
  }
  const entry = { name: 'authentication', module: null, mode, deadlineMs: 20_000, options: { ...options } }
  const chain = await loadChain([entry], { ...LIMITS, content: 100_000 }, { ...context, services })
  t.after(() => chain.close())
  const head = `From: A <a@${from}>\r\nSubject: x\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n`
  const session = { ...SESSION, remoteAddress: address, client: null }
  const message = chainMessage('', '', {
    session,
    mailFrom: { local: 'a', domain: from },
    direction: 'inbound',
    header: parseHeader(Buffer.from(head)),
    content: memoryContent(Buffer.from(`${head}\r\nHello\r\n`)),
  })
  await chain.data(message, never)
  return found
}

test('what DMARC found of a message is told where its domain asks for reports', async (t) => {
  const [passed] = await observed(t, 'theirs.test', '192.0.2.7')
  assert.ok(passed)
  assert.deepEqual(passed.published, {
    domain: 'theirs.test',
    p: 'reject',
    sp: 'quarantine',
    adkim: 'r',
    aspf: 's',
    pct: 50,
  })
  assert.deepEqual(
    [passed.disposition, passed.spfAligned, passed.dkimAligned, passed.override],
    ['none', true, false, null],
  )
  assert.deepEqual(passed.spf, { domain: 'theirs.test', scope: 'mfrom', result: 'pass' })
  assert.deepEqual(
    [passed.sourceIp, passed.headerFrom, passed.envelopeFrom],
    ['192.0.2.7', 'theirs.test', 'theirs.test'],
  )
  assert.deepEqual(await observed(t, 'silent.test', '192.0.2.7'), [])
  assert.deepEqual(await observed(t, 'nowhere.test', '192.0.2.7'), [])
})

test('the disposition is what was done: refused, held, or nothing where the plugin only observes', async (t) => {
  const [refused] = await observed(t, 'theirs.test', '203.0.113.9')
  assert.deepEqual([refused?.disposition, refused?.override], ['reject', null])
  const [held] = await observed(t, 'sub.theirs.test', '203.0.113.9')
  assert.deepEqual(
    [held?.disposition, held?.headerFrom, held?.published.domain],
    ['quarantine', 'sub.theirs.test', 'theirs.test'],
  )
  const [watched] = await observed(t, 'theirs.test', '203.0.113.9', { mode: 'observe' })
  assert.deepEqual([watched?.disposition, watched?.override], ['none', { type: 'local_policy', comment: '' }])
  const [excepted] = await observed(t, 'theirs.test', '203.0.113.9', { options: { exceptDomains: ['theirs.test'] } })
  assert.deepEqual([excepted?.disposition, excepted?.override?.comment], ['none', 'domain'])
})

test('a message that is put off is not told of: it comes again', async (t) => {
  assert.deepEqual(await observed(t, 'theirs.test', '203.0.113.9', { failing: ['txt theirs.test'] }), [])
})

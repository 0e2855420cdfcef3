import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Planner } from '../../../src/accept/ports.ts'
import { systemClock } from '../../../src/clock.ts'
import { createChain } from '../../../src/inspect/chain.ts'
import type { Inspector, Modifier, Plugin } from '../../../src/inspect/plugin.ts'
import { compileWhen, type When } from '../../../src/inspect/when.ts'
import { silentLog } from '../../../src/log.ts'
import { reply } from '../../../src/mail/reply.ts'
import { CONTINUE, type Verdict } from '../../../src/mail/verdict.ts'
import { noMetrics } from '../../../src/metrics.ts'
import type { Lease, QueueEntry, Spool } from '../../../src/spool/contract.ts'
import { openSpool } from '../../../src/spool/open.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { defer, type Scope } from '../../support/scope.ts'
import { waitFor } from '../../support/wait.ts'
import { client, message, startRelay, Talk } from './harness.ts'

interface Conditional {
  readonly plugin: Plugin
  readonly when: When
}

const chainOf = (...plugins: readonly Conditional[]) =>
  createChain(
    plugins.map(({ plugin, when }) => ({ plugin, mode: 'enforce', deadlineMs: 10_000, when: compileWhen(when) })),
    { bytes: 65_536, fields: 1000, content: 1_000_000 },
    { clock: systemClock, log: silentLog, metrics: noMetrics },
  )

const mark: Modifier = {
  name: 'mark',
  modify: async () => [{ do: 'addHeader', name: 'X-Left-Us', value: 'yes' }],
}
const OUTBOUND: Conditional = { plugin: mark, when: { direction: ['outbound'] } }

const judge = (name: string, verdict: Verdict, ...recipients: readonly string[]): Conditional => ({
  plugin: { name, data: async () => verdict } satisfies Inspector,
  when: { recipients },
})

const REJECT: Verdict = { action: 'reject', reason: 'too secret', reply: reply(554, '5.7.1', 'Too secret') }
const DEFER: Verdict = { action: 'defer', reason: 'later', reply: reply(451, '4.7.1', 'Later') }
const DISCARD: Verdict = { action: 'discard', reason: 'unwanted' }

const addresses = ({ recipients }: QueueEntry) => recipients.map(({ address }) => address)
const byRecipients = (entries: readonly QueueEntry[]) =>
  new Map(entries.map((entry) => [addresses(entry).join(' '), entry]))

const found = (entries: ReadonlyMap<string, QueueEntry>, recipients: string): QueueEntry => {
  const entry = entries.get(recipients)
  assert.ok(entry, `no message for ${recipients}, only for ${[...entries.keys()].join('; ')}`)
  return entry
}

const ids = (said: string): readonly string[] => /queued as (.*)$/.exec(said)?.[1]?.split(', ') ?? []

test('recipients to whom different plugins apply get messages of their own, each as its plugins made it', async (t) => {
  const chain = chainOf(OUTBOUND, judge('judge', REJECT, 'secret.test'))
  const relay = await startRelay(t, { options: { clients: [client()] }, ports: { chain } })
  const talk = await Talk.ready(t, relay.port)
  const before = Date.now()
  const to = ['b@ours.test', 'c@far.test', 'd@secret.test', 'e@ours.test']
  const said = await talk.send('a@ours.test', to, message())
  const entries = await relay.queue()
  assert.deepEqual([...ids(said)].sort(), entries.map(({ queueId }) => queueId).sort())
  const parts = byRecipients(entries)
  assert.equal(parts.size, 3)

  const ours = found(parts, 'b@ours.test e@ours.test')
  assert.doesNotMatch(await relay.stored(ours), /X-Left-Us/)
  const far = found(parts, 'c@far.test')
  assert.match(await relay.stored(far), /^X-Left-Us: yes\r$/m)
  const refused = found(parts, 'd@secret.test')
  for (const entry of [ours, far, refused]) {
    const [trace = ''] = /^Received: (?:.*\r\n[\t ])*.*\r\n/.exec(await relay.stored(entry)) ?? []
    assert.ok(trace.includes(`id ${entry.queueId}`), trace)
    assert.equal(trace.includes('for <'), entry.recipients.length === 1)
    assert.equal((await relay.stored(entry)).match(/^Received: /gm)?.length, 1)
  }
  assert.deepEqual(
    [ours, far].flatMap(({ recipients }) => recipients.map(({ state }) => state)),
    ['pending', 'pending', 'pending'],
  )
  const { state, hold } = refused.recipients[0] ?? {}
  assert.equal(state, 'held')
  assert.equal(hold?.reason, 'refused by judge: too secret; others of the same message were accepted')
  assert.deepEqual([hold?.owner, hold?.then], ['plugin:judge', 'reject'])
  assert.ok(hold?.told, 'the sender is told what the reply would have said')
  assert.ok(hold && hold.until >= before && hold.until <= Date.now())
  assert.equal(relay.metrics.counts.get('postern_accepted_total ward'), 1)
})

test('what is refused for some of the recipients of a stranger waits for an operator', async (t) => {
  const holds = { deadlineMs: 3_600_000, afterwards: 'discard' } as const
  const chain = chainOf(judge('judge', REJECT, 'secret.test'))
  const domains = new Map(['ours.test', 'secret.test'].map((name) => [name, { recipients: 'any' as const }]))
  const relay = await startRelay(t, { options: { holds, domains }, ports: { chain } })
  const before = Date.now()
  await (await Talk.ready(t, relay.port)).send('a@far.test', ['b@ours.test', 'c@secret.test'], message())
  const { hold } = found(byRecipients(await relay.queue()), 'c@secret.test').recipients[0] ?? {}
  assert.deepEqual([hold?.owner, hold?.then], ['plugin:judge', 'discard'])
  assert.ok(hold && hold.until >= before + holds.deadlineMs)
})

test('a message whose recipients all pass the same plugins stays one, and is refused as one', async (t) => {
  const chain = chainOf(OUTBOUND, judge('judge', REJECT, 'secret.test'))
  const relay = await startRelay(t, { options: { clients: [client()] }, ports: { chain } })
  const talk = await Talk.ready(t, relay.port)
  await talk.send('a@ours.test', ['d@secret.test'], message(), 554)
  await talk.send('a@ours.test', ['b@ours.test', 'c@ours.test'], message())
  const { entry, text } = await relay.only()
  assert.deepEqual(addresses(entry), ['b@ours.test', 'c@ours.test'])
  assert.doesNotMatch(text, /X-Left-Us/)
})

test('where every part is refused, the first refusal is the reply and nothing is kept', async (t) => {
  const other: Verdict = { ...REJECT, reply: reply(550, '5.7.1', 'Another') }
  const chain = chainOf(judge('one', REJECT, 'one.test'), judge('two', other, 'two.test'))
  const relay = await startRelay(t, { options: { clients: [client()] }, ports: { chain } })
  const said = await (await Talk.ready(t, relay.port)).send('a@ours.test', ['x@one.test', 'y@two.test'], message(), 554)
  assert.match(said, /Too secret/)
  assert.deepEqual(await relay.queue(), [])
})

test('where one part cannot be judged now, all of the message comes again', async (t) => {
  const chain = chainOf(judge('one', REJECT, 'one.test'), judge('two', DEFER, 'two.test'))
  const relay = await startRelay(t, { options: { clients: [client()] }, ports: { chain } })
  const to = ['b@ours.test', 'x@one.test', 'y@two.test']
  await (await Talk.ready(t, relay.port)).send('a@ours.test', to, message(), 451)
  assert.deepEqual(await relay.queue(), [])
})

test('a part that is dropped is dropped alone', async (t) => {
  const relay = await startRelay(t, {
    options: { clients: [client()] },
    ports: { chain: chainOf(judge('drop', DISCARD, 'drop.test')) },
  })
  await (await Talk.ready(t, relay.port)).send('a@ours.test', ['x@drop.test', 'b@ours.test'], message())
  assert.deepEqual(addresses((await relay.only()).entry), ['b@ours.test'])
})

/** The real spool with files for all but the smallest content, and its `put` as the test wants it. */
async function steeredSpool(t: Scope) {
  const path = temporaryFolder(t)
  const spool = await openSpool(
    { path, reserveBytes: 0, ballastBytes: 0, contentInRowBytes: 1024 },
    { log: silentLog, metrics: noMetrics, clock: systemClock },
  )
  defer(t, () => spool.close())
  const puts: Parameters<Spool['put']>[] = []
  const steer = { failAt: Infinity }
  const steered: Pick<Spool, 'room' | 'newId' | 'receive' | 'put'> = {
    room: () => spool.room(),
    newId: () => spool.newId(),
    receive: () => spool.receive(),
    put: async (...args) => {
      puts.push(args)
      if (puts.length === steer.failAt) throw new Error('the disk has gone')
      return spool.put(...args)
    },
  }
  const files = async () =>
    (await readdir(join(path, 'content'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  return { spool, puts, steer, steered, files }
}

/** Leases all, and keeps what it is handed. */
function keepingPlanner() {
  const taken: Lease[] = []
  const planner: Planner = {
    plan: ({ address }) => ({
      do: 'deliver',
      destination: address.domain,
      dueAt: Date.now(),
      leaseUntil: Date.now() + 60_000,
    }),
    take: (leases) => void taken.push(...leases),
  }
  return { taken, planner }
}

const LARGE = 'The results, line by line.\r\n'.repeat(20_000)

test('a large message that is split lies in a file of its own for each part, and all of them are whole', async (t) => {
  const { spool, puts, steered, files } = await steeredSpool(t)
  const { taken, planner } = keepingPlanner()
  const chain = chainOf(judge('one', CONTINUE, 'one.test'), judge('drop', DISCARD, 'drop.test'), OUTBOUND)
  const relay = await startRelay(t, { options: { clients: [client()] }, ports: { chain, spool: steered, planner } })
  const talk = await Talk.ready(t, relay.port)
  await talk.send('a@ours.test', ['b@ours.test', 'c@one.test', 'd@drop.test', 'e@far.test'], message('', LARGE))
  assert.deepEqual(
    puts.map(([{ facts }]) => facts.split),
    ['1 of 4', '2 of 4', '3 of 4', '4 of 4'],
  )
  assert.equal(taken.length, 3)
  const { entries } = await spool.list({}, { after: null, limit: 10 })
  assert.equal(entries.length, 3)
  await waitFor(async () => (await files()).length === 3, { what: 'a file for each message that is kept' })
  for (const { queueId } of entries) {
    // the others go first, so that nobody reads from a file that is not theirs
    const lease = taken.find((each) => each.queueId === queueId)
    assert.ok(lease)
    const content = await spool.content(queueId)
    const chunks: Buffer[] = []
    for await (const chunk of content?.stream() ?? []) chunks.push(chunk)
    assert.ok(Buffer.concat(chunks).toString().endsWith(message('', LARGE)))
    const results = lease.indexes.map((index) => ({ index, state: { is: 'relayed' as const, reply: null } }))
    await spool.settle([{ queueId, results, facts: {}, notifications: [] }])
  }
  await waitFor(async () => (await files()).length === 0, { what: 'the end of all files' })
})

test('without the commit of every part there is no 250, and nothing is handed to delivery', async (t) => {
  const { spool, puts, steer, steered, files } = await steeredSpool(t)
  const { taken, planner } = keepingPlanner()
  const relay = await startRelay(t, {
    options: { clients: [client()] },
    ports: { chain: chainOf(OUTBOUND), spool: steered, planner },
  })
  const talk = await Talk.ready(t, relay.port)
  steer.failAt = 2
  await talk.send('a@ours.test', ['b@ours.test', 'c@far.test'], message('', LARGE), 451)
  assert.deepEqual([puts.length, taken.length], [2, 0])
  const { entries } = await spool.list({}, { after: null, limit: 10 })
  assert.deepEqual(entries.map(addresses), [['b@ours.test']])
  await waitFor(async () => (await files()).length === 1, { what: 'the end of what was not put' })

  await talk.send('a@ours.test', ['b@ours.test', 'c@far.test'], message('', LARGE))
  assert.deepEqual([puts.length, taken.length], [4, 2])
})

test('a reply names no more messages than fit on its line', async (t) => {
  const names = Array.from({ length: 60 }, (_, i) => `d${i}.test`)
  const relay = await startRelay(t, {
    options: { clients: [client()] },
    ports: { chain: chainOf(...names.map((name, i) => judge(`j${i}`, CONTINUE, name))) },
  })
  const talk = await Talk.ready(t, relay.port)
  const said = await talk.send(
    'a@ours.test',
    names.map((name) => `x@${name}`),
    message(),
  )
  assert.match(said, /^250 2\.0\.0 Ok: queued as (?:[0-9A-Z]{11}, ){29}[0-9A-Z]{11} and 30 more$/)
  assert.ok(said.length <= 510)
  assert.equal((await relay.queue()).length, 60)
})

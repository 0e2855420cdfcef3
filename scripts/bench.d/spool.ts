import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { openLedger } from '../../src/ledger/open.ts'
import { silentLog } from '../../src/log.ts'
import { noMetrics } from '../../src/metrics.ts'
import type { NewMessage, Spool } from '../../src/spool/contract.ts'
import { openSpool } from '../../src/spool/open.ts'
import { temporaryFolder } from '../../test/support/folder.ts'
import type { Bench, Row } from '../lib/bench/part.ts'

const seams = { log: silentLog, metrics: noMetrics, clock: systemClock }
const PREFIX = Buffer.alloc(250, 'R')
const CHUNK = Buffer.alloc(65_536, 'x')

const WORK = [
  { name: '10 KiB, 20 at once', messages: 20_000, bytes: 10_240, sessions: 20, goal: { atMost: 0.2 } },
  { name: '4 KiB, 100 at once', messages: 20_000, bytes: 4096, sessions: 100, goal: { atMost: 0.2 } },
  { name: '1 MiB, 20 at once', messages: 600, bytes: 1_048_576, sessions: 20, goal: { atMost: 3 } },
] as const

/**
 * Spool and ledger alone, without a network: each message is received, put with its lease, read and
 * settled, as when the next hop keeps up.
 */
export async function bench(bench: Bench): Promise<Row[]> {
  const rows: Row[] = []
  for (const { name, messages, bytes, sessions, goal } of WORK) {
    const { perSecond, cpuMs } = await run(bench, bench.quick ? messages / 10 : messages, bytes, sessions)
    rows.push({ name: `${name}: put and settled`, value: perSecond, unit: 'messages/s' })
    rows.push({ name: `${name}: CPU`, value: cpuMs, unit: 'ms each', goal })
  }
  return rows
}

async function run(bench: Bench, messages: number, bytes: number, sessions: number) {
  const path = temporaryFolder(bench, 'spool')
  const spool = await openSpool({ path: join(path, 'spool') }, seams)
  const ledger = await openLedger({ path: join(path, 'ledger') }, seams)
  spool.connectJournal(ledger.connect())
  await session(spool, Math.min(messages, 200), bytes)
  const cpu = process.cpuUsage()
  const began = performance.now()
  await Promise.all(Array.from({ length: sessions }, () => session(spool, Math.ceil(messages / sessions), bytes)))
  const wallMs = performance.now() - began
  await spool.close()
  await ledger.close()
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: (messages / wallMs) * 1000, cpuMs: (user + system) / 1000 / messages }
}

async function session(spool: Spool, messages: number, bytes: number): Promise<void> {
  for (let i = 0; i < messages; i++) await one(spool, bytes)
}

async function one(spool: Spool, bytes: number): Promise<void> {
  const now = Date.now()
  const plan = { do: 'deliver', destination: 'practice.example.test', dueAt: now, leaseUntil: now + 60_000 } as const
  const { queueId, leases } = await spool.put(await message(spool, bytes, now), [plan])
  for (const { content } of leases) for await (const _ of content.stream());
  const state = { is: 'relayed', reply: { code: 250, enhanced: '2.0.0', lines: ['queued as 4711'] } } as const
  const facts = { host: 'mx.practice.example.test', address: '10.0.0.2', seconds: 0.01 }
  await spool.settle([{ queueId, results: [{ index: 0, state }], facts, notifications: [] }])
}

const message = async (spool: Spool, bytes: number, now: number): Promise<NewMessage> => ({
  envelope: {
    mailFrom: { local: 'ward', domain: 'royal.example.test' },
    rcptTo: [{ address: { local: 'results', domain: 'practice.example.test' }, notify: null, orcpt: null }],
    envid: null,
    ret: null,
    smtputf8: false,
    body: '8bitmime',
    requireTls: false,
  },
  prefix: PREFIX,
  content: await content(spool, bytes),
  receivedAt: now,
  client: 'royal',
  messageId: '<20261122.12345@royal.example.test>',
  facts: { address: '10.0.0.1', helo: 'mail.royal.example.test', tls: { protocol: 'TLSv1.3', cipher: 'AES' } },
})

async function content(spool: Spool, bytes: number) {
  const writer = spool.receive()
  for (let left = bytes; left > 0; left -= CHUNK.length) {
    const more = writer.write(CHUNK.subarray(0, Math.min(left, CHUNK.length)))
    if (more !== true) await more
  }
  return writer.finish()
}

// How fast the spool alone is: messages put with their lease and settled, as the daemon does when
// the next hop keeps up. usage: spool.ts [messages] [bytes] [sessions]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { silentLog } from '../../src/log.ts'
import type { NewMessage } from '../../src/spool/contract.ts'
import { openSpool } from '../../src/spool/open.ts'

const [messages = 20_000, bytes = 10_240, sessions = 20] = process.argv.slice(2).map(Number)
const path = mkdtempSync(join(tmpdir(), 'spool-bench-'))
const batch = { batches: 0, calls: 0, commitMs: 0, runMs: 0 }
const metrics = {
  count() {},
  gauge() {},
  observe(name: string, value: number) {
    if (name === 'postern_spool_commit_seconds') {
      batch.batches++
      batch.commitMs += value * 1000
    }
    if (name === 'postern_spool_run_seconds') batch.runMs += value * 1000
    if (name === 'postern_spool_batch_calls') batch.calls += value
  },
}
const spool = await openSpool({ path }, { log: silentLog, metrics, clock: systemClock })
const chunk = Buffer.alloc(Math.min(bytes, 65_536), 'x')
const prefix = Buffer.alloc(250, 'R')

async function content() {
  const writer = spool.receive()
  for (let left = bytes; left > 0; left -= chunk.length) {
    const more = writer.write(left < chunk.length ? chunk.subarray(0, left) : chunk)
    if (more !== true) await more
  }
  return writer.finish()
}

async function one(): Promise<void> {
  const now = Date.now()
  const message: NewMessage = {
    envelope: {
      mailFrom: { local: 'ward', domain: 'royal.example.test' },
      rcptTo: [{ address: { local: 'results', domain: 'practice.example.test' }, notify: null, orcpt: null }],
      envid: null,
      ret: null,
      smtputf8: false,
      body: '8bitmime',
      requireTls: false,
    },
    prefix,
    content: await content(),
    receivedAt: now,
    client: 'royal',
    messageId: '<20261122.12345@royal.example.test>',
    facts: { address: '10.0.0.1', helo: 'mail.royal.example.test', tls: { protocol: 'TLSv1.3', cipher: 'AES' } },
  }
  const plan = { do: 'deliver', destination: 'practice.example.test', dueAt: now, leaseUntil: now + 60_000 } as const
  const { queueId, leases } = await spool.put(message, [plan])
  for (const lease of leases) for await (const _ of lease.content.stream());
  const state = { is: 'relayed', reply: { code: 250, enhanced: '2.0.0', lines: ['queued as 4711'] } } as const
  const facts = { host: 'mx.practice.example.test', address: '10.0.0.2', seconds: 0.01 }
  await spool.settle([{ queueId, results: [{ index: 0, state }], facts, notifications: [] }])
}

async function session(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await one()
}

await session(200)
Object.assign(batch, { batches: 0, calls: 0, commitMs: 0, runMs: 0 })
const cpu = process.cpuUsage()
const start = performance.now()
await Promise.all(Array.from({ length: sessions }, () => session(Math.ceil(messages / sessions))))
const wallMs = performance.now() - start
const used = process.cpuUsage(cpu)
await spool.close()
console.log({
  messages,
  bytes,
  sessions,
  perSecond: Math.round((messages / wallMs) * 1000),
  cpuMsPerMessage: Number(((used.user + used.system) / 1000 / messages).toFixed(4)),
  userMs: Number((used.user / 1000 / messages).toFixed(4)),
  callsPerBatch: Number((batch.calls / batch.batches).toFixed(1)),
  commitMs: Number((batch.commitMs / batch.batches).toFixed(3)),
  runMsPerMessage: Number((batch.runMs / messages).toFixed(4)),
  rssMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
})
rmSync(path, { recursive: true })

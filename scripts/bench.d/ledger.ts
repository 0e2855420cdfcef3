import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import { systemClock } from '../../src/clock.ts'
import type { OutboxAck } from '../../src/db/outbox.ts'
import type { Ledger, TraceQuery } from '../../src/ledger/contract.ts'
import { openLedger } from '../../src/ledger/open.ts'
import { verifyLedger } from '../../src/ledger/verify/verify.ts'
import { silentLog } from '../../src/log.ts'
import { formatQueueId, idAt } from '../../src/mail/queue-id.ts'
import { noMetrics } from '../../src/metrics.ts'
import { temporaryFolder } from '../../test/support/folder.ts'
import { type Bench, median, type Row } from '../lib/bench/part.ts'

const ENTRIES = Number(process.env.BENCH_LEDGER_ENTRIES ?? 10_000_000)
const PER_MESSAGE = 2
const BATCH = 2048
const AHEAD = 4
/** Recipients come back: this many people get all the mail. */
const PEOPLE = 100_000
const DAYS_MS = 80 * 86_400_000
const ASKED = 20
const seams = { log: silentLog, metrics: noMetrics, clock: systemClock }

/** A ledger with ten million entries, written through its port as a spool would: traces, cold and warm, and verification. */
export async function bench(bench: Bench): Promise<Row[]> {
  const entries = bench.quick ? ENTRIES / 20 : ENTRIES
  const path = temporaryFolder(bench, 'ledger')
  const file = join(path, 'ledger.db')
  bench.say(`writing ${entries} entries …`)
  const filled = await timed(() => fill(path, entries, bench.say))
  const rows: Row[] = [
    { name: 'entries written, in bulk', value: (1000 * entries) / filled, unit: 'entries/s' },
    { name: 'file', value: statSync(file).size / entries, unit: 'bytes an entry' },
  ]
  for (const [name, query] of Object.entries(questions(entries))) rows.push(...(await ask(path, name, query)))
  bench.say('verifying …')
  const verified = await timed(async () => {
    if (!verifyLedger({ path: file }).ok) throw new Error('the ledger is not whole')
  })
  rows.push({ name: 'verified', value: (1000 * entries) / verified, unit: 'entries/s' })
  return rows
}

const started = Date.now() - DAYS_MS
const numberOf = (message: number, messages: number): number =>
  idAt(started + Math.floor((message / messages) * DAYS_MS)) + (message % 4096)
const recipientOf = (message: number): string => `patient${(message * 7919) % PEOPLE}@d${message % 1000}.test`

/** The n-th of some that lie all over the ledger; the oldest first. */
type Question = (n: number) => TraceQuery

function questions(entries: number): Readonly<Record<string, Question>> {
  const messages = entries / PER_MESSAGE
  const some = (n: number) => Math.floor(((n + 0.5) * messages) / ASKED)
  return {
    'by recipient': (n) => ({ recipient: recipientOf(some(n)) }),
    'by a recipient who got nothing': (n) => ({ recipient: `nobody${n}@d1.test` }),
    'by Message-ID': (n) => ({ messageId: `<${some(n)}@royal.test>` }),
    'by queue id': (n) => ({ queueId: formatQueueId(numberOf(some(n), messages)) }),
  }
}

/** Cold: after a restart, with nothing of the file in memory, the opening included. Warm: others of the same kind then. */
async function ask(path: string, name: string, question: Question): Promise<Row[]> {
  dropCache(join(path, 'ledger.db'))
  let opened = 0
  const began = performance.now()
  const ledger = await openLedger({ path }, seams)
  opened = performance.now() - began
  const cold = await first(ledger, question(0))
  const warm: number[] = []
  for (let n = 1; n < ASKED; n++) warm.push(await first(ledger, question(n)))
  await ledger.close()
  return [
    { name: `opened, cold`, value: opened, unit: 'ms' },
    { name: `${name}: cold`, value: cold, unit: 'ms', goal: { atMost: 200 } },
    { name: `${name}: then, median`, value: median(warm), unit: 'ms', goal: { atMost: 200 } },
    { name: `${name}: then, worst of ${warm.length}`, value: Math.max(...warm), unit: 'ms', goal: { atMost: 200 } },
  ]
}

/** Milliseconds until the first message is there, or until it is sure that there is none. */
function first(ledger: Ledger, query: TraceQuery): Promise<number> {
  return timed(async () => {
    for (let after: string | null = null; ; ) {
      const { messages, next } = await ledger.trace(query, { after, limit: 1 })
      if (messages.length > 0 || next === null) return
      after = next
    }
  })
}

/** Has the kernel forget what it holds of a file. */
function dropCache(file: string): void {
  execFileSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' })
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** Tells the ledger all of it through a port, a few batches ahead of what it has taken. */
async function fill(path: string, entries: number, say: (text: string) => void): Promise<void> {
  const ledger = await openLedger({ path, gatherEntries: 2 * BATCH, gatherMs: 20, retentionMs: 2 * DAYS_MS }, seams)
  const port = ledger.connect()
  let taken = 0
  port.on('message', ({ acknowledged }: OutboxAck) => {
    taken = acknowledged
  })
  for (let seq = 0; seq < entries; seq += BATCH) {
    while (seq - taken > AHEAD * BATCH) await once(port, 'message')
    send(port, seq, Math.min(BATCH, entries - seq), entries)
    if (Math.floor((10 * seq) / entries) !== Math.floor((10 * (seq - BATCH)) / entries)) say(`  ${seq}`)
  }
  while (taken < entries) await once(port, 'message')
  port.close()
  await ledger.close()
}

function send(port: MessagePort, from: number, count: number, entries: number): void {
  const batch: unknown[] = []
  const messages = entries / PER_MESSAGE
  for (let seq = from; seq < from + count; seq++) {
    const message = Math.floor(seq / PER_MESSAGE)
    const id = numberOf(message, messages)
    const at = started + Math.floor((seq / entries) * DAYS_MS)
    const isReceipt = seq % PER_MESSAGE === 0
    batch.push(seq + 1, at, id, isReceipt ? 'received' : 'attempt', isReceipt ? received(message) : relayed(message))
  }
  port.postMessage({ source: 1, entries: batch })
}

const received = (message: number): string =>
  `{"recipients":[{"index":0,"address":"${recipientOf(message)}","state":"pending"}],"facts":{"transaction":"${message}",` +
  `"address":"10.20.0.${message % 250}","helo":"mail.royal.test","protocol":"ESMTPS","tls":"TLSv1.3","cipher":"TLS_AES_256_GCM_SHA384",` +
  `"sha256":{"received":"${'0123456789abcdef'.repeat(4)}"},"client":"royal","sender":"ward${message % 500}@royal.test",` +
  `"messageId":"<${message}@royal.test>","size":${2000 + (message % 90_000)}}}`

const relayed = (message: number): string =>
  `{"recipients":[{"index":0,"address":"${recipientOf(message)}","state":"relayed","reply":"250 2.0.0 Ok: queued as ${message}"}],` +
  `"facts":{"host":"mx.d${message % 1000}.test","address":"10.30.0.1","port":25,"tls":"TLSv1.3","cipher":"TLS_AES_256_GCM_SHA384","verified":true,"seconds":0.04}}`

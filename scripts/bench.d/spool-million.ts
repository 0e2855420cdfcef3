import { join } from 'node:path'
import Database from 'better-sqlite3'
import { systemClock } from '../../src/clock.ts'
import { silentLog } from '../../src/log.ts'
import { idAt } from '../../src/mail/queue-id.ts'
import { noMetrics } from '../../src/metrics.ts'
import type { QueueFilter, Spool } from '../../src/spool/contract.ts'
import { openSpool } from '../../src/spool/open.ts'
import { temporaryFolder } from '../../test/support/folder.ts'
import { looks } from '../lib/bench/look.ts'
import { memoryOf } from '../lib/bench/memory.ts'
import { type Bench, median, type Row } from '../lib/bench/part.ts'

const WAITING = 1_000_000
const DESTINATIONS = 1000
const BYTES = 2048
const seams = { log: silentLog, metrics: noMetrics, clock: systemClock }

/** Filters that match nearly all, a thousandth, one of a million, and nothing. */
const FILTERS: Readonly<Record<string, QueueFilter>> = {
  everything: {},
  'one destination': { destination: 'd7.test' },
  'one domain': { domain: 'd7.test' },
  'one recipient': { recipient: 'patient900000@d0.test' },
  'a sender with nothing': { sender: 'nobody@client.test' },
  'held, of one client': { state: 'held', client: 'tests' },
}

/** The spool alone with a million messages waiting: opening, leasing, listing, acting, memory. */
export async function bench(bench: Bench): Promise<Row[]> {
  const waiting = bench.quick ? WAITING / 10 : WAITING
  const path = temporaryFolder(bench, 'million')
  bench.say(`filling a spool with ${waiting} messages …`)
  await fill(path, waiting)

  const before = memoryOf(process.pid).nowMiB
  const began = performance.now()
  const spool = await openSpool({ path }, seams)
  const opened = (performance.now() - began) / 1000
  const now = Date.now()
  const first = await timed(() =>
    spool.lease({ limit: 100, perDestination: 20, leasedUntil: now + 600_000, except: new Set() }),
  )
  const memory = [memoryOf(process.pid).nowMiB - before]
  const rows: Row[] = [
    { name: 'open', value: opened, unit: 's', goal: { atMost: 5 } },
    { name: 'first lease of 100', value: first, unit: 's', goal: { atMost: 1 } },
  ]
  for (const [name, filter] of Object.entries(FILTERS)) rows.push(...(await lists(spool, name, filter)))
  memory.push(memoryOf(process.pid).nowMiB - before)
  rows.push(...(await looks(spool)))
  const stall = await stallOfAction(spool)
  memory.push(memoryOf(process.pid).nowMiB - before)
  rows.push({ name: 'longest stall of put while all are held', value: stall, unit: 'ms', goal: { atMost: 100 } })
  rows.push({
    name: 'memory, the spool’s part',
    value: Math.max(...memory),
    unit: 'MiB',
    goal: { atMost: 200 },
  })
  await spool.close()
  return rows
}

/** The first page, and how long it takes to look through all of them. */
async function lists(spool: Spool, name: string, filter: QueueFilter): Promise<Row[]> {
  const page = await timed(() => spool.list(filter, { after: null, limit: 50 }))
  let found = 0
  const all = await timed(async () => {
    for (let after: string | null = null; found < 50; ) {
      const { entries, next } = await spool.list(filter, { after, limit: 50 })
      found += entries.length
      if (next === null) break
      after = next
    }
  })
  return [
    { name: `list ${name}: one call`, value: page, unit: 's', goal: { atMost: 1 } },
    { name: `list ${name}: until 50 or the end (${found})`, value: all, unit: 's' },
  ]
}

/** Puts messages while an operator holds the whole queue; the longest that one of them took. */
async function stallOfAction(spool: Spool): Promise<number> {
  let done = false
  const hold = { reason: 'a test', owner: 'operator:bench', until: Date.now() + 3_600_000 }
  const then = 'release' as const
  const acting = spool.act({ do: 'hold', hold: { ...hold, then } }, {}, 'bench').finally(() => {
    done = true
  })
  const times: number[] = []
  while (!done) times.push(1000 * (await timed(() => spool.nextDue())))
  await acting
  return times.length === 0 ? median([0]) : Math.max(...times)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

/** Writes the rows as the spool would, but in one go. */
async function fill(path: string, waiting: number): Promise<void> {
  await (await openSpool({ path }, seams)).close()
  const db = new Database(join(path, 'spool.db'))
  db.pragma('synchronous=OFF')
  const first = idAt(Date.now() - 3_600_000)
  const each = 'WITH RECURSIVE i(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM i WHERE x + 1 < ?)'
  db.exec('BEGIN')
  db.prepare(`${each} INSERT INTO destination (id, name) SELECT x + 1, 'd' || x || '.test' FROM i`).run(DESTINATIONS)
  db.prepare(
    `${each} INSERT INTO message SELECT ? + x * 100, ? + x, 'tests', 'ward@client.test', NULL, 0, ?,
     '<' || x || '@client.test>', zeroblob(250), NULL, NULL FROM i`,
  ).run(waiting, first, Date.now() - 3_600_000, BYTES)
  db.prepare(`${each} INSERT INTO content SELECT ? + x * 100, zeroblob(?) FROM i`).run(waiting, first, BYTES)
  db.prepare(
    `${each} INSERT INTO recipient SELECT ? + x * 100, 0, 'patient' || x || '@d' || (x % CAST(? AS INTEGER)) || '.test', NULL, NULL,
     x % ? + 1, NULL, 0, ?, 1, 0, '450 4.2.1 try later', NULL, NULL, NULL, NULL, NULL FROM i`,
  ).run(waiting, first, DESTINATIONS, DESTINATIONS, Date.now() - 1000)
  db.exec('COMMIT')
  db.close()
}

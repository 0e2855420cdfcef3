import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { EntryHasher, type HashedEntry } from '../../../src/ledger/chain/hash.ts'
import { verifyLedger } from '../../../src/ledger/verify/verify.ts'
import { eventually, START } from '../spool/support.ts'
import { openTestLedger, queueId, Teller } from './support.ts'
import { type Database, fileOf, filled, filledFile, Harm, newKey } from './verify-support.ts'

const ENTRIES = 45
const COLUMNS = ['source', 'seq', 'at', 'queue_id', 'event', 'data', 'hash'] as const
const DAY = 86_400_000

/** Flips bits of one byte of one cell, as it lies there. */
function flip(db: Database, id: number, column: string, place: number, bits: number): void {
  const type = db.prepare(`SELECT typeof(${column}) FROM entry WHERE id = ?`).pluck().get(id)
  if (type === 'integer') {
    const value = db.prepare(`SELECT ${column} FROM entry WHERE id = ?`).pluck().safeIntegers().get(id) as bigint
    const flipped = BigInt.asIntN(64, value ^ (BigInt(bits) << BigInt(8 * (place % 8))))
    db.prepare(`UPDATE entry SET ${column} = ? WHERE id = ?`).run(flipped, id)
    return
  }
  const value = db.prepare(`SELECT CAST(${column} AS BLOB) FROM entry WHERE id = ?`).pluck().get(id) as Buffer
  value[place % value.length] = (value[place % value.length] as number) ^ bits
  db.prepare(`UPDATE entry SET ${column} = CAST(? AS ${type === 'text' ? 'TEXT' : 'BLOB'}) WHERE id = ?`).run(value, id)
}

test('A ledger that nobody touched is found whole, over restarts too.', async (t) => {
  const opened = await filled(t, ENTRIES)
  await opened.reopen()
  await opened.ledger.close()
  const report = verifyLedger({ path: fileOf(opened) })
  assert.deepEqual([report.ok, report.entries, report.unchained, report.problems], [true, ENTRIES, 0, []])
  assert.ok(report.checkpoints.count >= 4, `${report.checkpoints.count} checkpoints`)
})

test('Whichever byte of an entry is changed, it is told, and where.', async (t) => {
  const harm = new Harm(t, await filledFile(t, ENTRIES))
  const id = fc.integer({ min: 1, max: ENTRIES })
  const byte = fc.integer({ min: 1, max: 255 })
  fc.assert(
    fc.property(id, fc.constantFrom(...COLUMNS), fc.nat(400), byte, (entry, column, place, bits) => {
      const { ok, problems } = harm.verify((db) => flip(db, entry, column, place, bits))
      assert.equal(ok, false)
      assert.deepEqual([problems[0]?.what, problems[0]?.entry], ['altered', entry], JSON.stringify(problems))
      // Of the last entry, the head of the chain knows the hash as well
      assert.ok(
        problems.length === 1 || entry === ENTRIES || entry % 10 === 0 || column === 'hash',
        JSON.stringify(problems),
      )
    }),
    { numRuns: 150 },
  )
})

test('A changed hash is told from a changed entry, with the message and the time.', async (t) => {
  const harm = new Harm(t, await filledFile(t, ENTRIES))
  const told = (column: string) => harm.verify((db) => flip(db, 17, column, 3, 1)).problems[0]
  assert.match(told('hash')?.text ?? '', /the hash of entry 17 was altered/)
  const altered = told('data')
  assert.match(altered?.text ?? '', /entry 17 is not what was written there/)
  assert.deepEqual([altered?.queueId, altered?.at], [queueId(5), START + 5 * 60_000])
})

test('Entries that are missing are told, wherever they were.', async (t) => {
  const harm = new Harm(t, await filledFile(t, ENTRIES))
  const range = fc.tuple(fc.integer({ min: 1, max: ENTRIES }), fc.integer({ min: 0, max: 3 }))
  fc.assert(
    fc.property(range, ([first, more]) => {
      const last = Math.min(first + more, ENTRIES)
      const { problems } = harm.verify((db) =>
        db.prepare('DELETE FROM entry WHERE id BETWEEN ? AND ?').run(first, last),
      )
      const what = last === ENTRIES ? 'truncated' : 'missing'
      assert.ok(
        problems.some((each) => each.what === what && each.entry === first),
        JSON.stringify(problems),
      )
      assert.ok(
        problems.every(({ what: is }) => is !== 'altered'),
        JSON.stringify(problems),
      )
    }),
    { numRuns: 40 },
  )
})

test('An entry taken out with the rest moved up to close the gap is told.', async (t) => {
  const harm = new Harm(t, await filledFile(t, ENTRIES))
  const { problems } = harm.verify((db) => {
    db.prepare('DELETE FROM entry WHERE id = 20').run()
    for (let id = 21; id <= ENTRIES; id++) db.prepare('UPDATE entry SET id = ? WHERE id = ?').run(id - 1, id)
  })
  assert.equal(problems[0]?.entry, 20)
  assert.match(problems[0]?.text ?? '', /number is 21 where 20 was due/)
})

test('Two entries that changed places are told as such.', async (t) => {
  const harm = new Harm(t, await filledFile(t, ENTRIES))
  fc.assert(
    fc.property(fc.integer({ min: 2, max: ENTRIES - 3 }), fc.integer({ min: 1, max: 2 }), (first, distance) => {
      const { problems } = harm.verify((db) => {
        const move = db.prepare('UPDATE entry SET id = ? WHERE id = ?')
        move.run(1_000_000, first)
        move.run(first, first + distance)
        move.run(first + distance, 1_000_000)
      })
      assert.deepEqual(problems[0]?.entry, first, JSON.stringify(problems))
      assert.ok(problems.some(({ what }) => what === 'reordered' || what === 'altered'))
    }),
    { numRuns: 30 },
  )
})

test('An entry that was put in between is told from those that were there, and one after the end too.', async (t) => {
  const harm = new Harm(t, await filledFile(t, ENTRIES))
  const copy = 'INSERT INTO entry SELECT ?, source, seq, at, queue_id, event, data, hash FROM entry WHERE id = ?'
  const between = harm.verify((db) => {
    for (let id = ENTRIES; id >= 30; id--) db.prepare('UPDATE entry SET id = ? WHERE id = ?').run(id + 1, id)
    db.prepare(copy).run(30, 12)
  })
  assert.deepEqual([between.problems[0]?.what, between.problems[0]?.entry], ['inserted', 30])
  const after = harm.verify((db) => db.prepare(copy).run(ENTRIES + 1, 12))
  assert.deepEqual([after.problems[0]?.what, after.problems[0]?.entry], ['inserted', ENTRIES + 1])
})

/** What somebody can do who may write to the file: change an entry and compute everything after it anew. */
function forge(db: Database, entry: number): void {
  db.prepare("UPDATE entry SET data = replace(data, 'a@b.test', 'x@b.test') WHERE id = ?").run(entry)
  const hasher = new EntryHasher()
  const numbers = new Map(db.prepare('SELECT id, number FROM source').raw().all() as [number, number][])
  const rows = db.prepare('SELECT id, source, seq, at, queue_id AS queueId, event, data FROM entry ORDER BY id').all()
  let previous = db.prepare("SELECT hash FROM chain WHERE name = 'anchor'").pluck().get() as Buffer
  for (const { id, ...entry } of rows as (HashedEntry & { id: number })[]) {
    previous = hasher.hash(previous, { ...entry, source: numbers.get(entry.source) ?? 0 })
    db.prepare('UPDATE entry SET hash = ? WHERE id = ?').run(previous, id)
    db.prepare('UPDATE checkpoint SET hash = ? WHERE entry = ?').run(previous, id)
  }
  db.prepare("UPDATE chain SET hash = ? WHERE name = 'head'").run(previous)
}

test('A chain that was computed anew is told by the signatures of its checkpoints.', async (t) => {
  const { pem, publicKey } = newKey()
  const original = await filledFile(t, ENTRIES, { key: pem })
  const signed = new Harm(t, original, { keys: [publicKey] })
  assert.equal(signed.verify(() => {}).ok, true)
  const forged = signed.verify((db) => forge(db, 14))
  assert.deepEqual(forged.problems[0]?.what, 'signature')
  assert.ok((forged.problems[0]?.entry ?? 0) >= 14, 'the checkpoints before it are good')
  const stripped = signed.verify((db) => {
    forge(db, 14)
    db.prepare('UPDATE checkpoint SET key = NULL, signature = NULL').run()
  })
  assert.deepEqual(
    stripped.problems.map(({ what }) => what),
    ['signature'],
  )
  const other = new Harm(t, original, { keys: [newKey().publicKey] })
  assert.match(other.verify(() => {}).problems[0]?.text ?? '', /is not known here/)
})

test('A chain that was computed anew is told by a point that the log holds.', async (t) => {
  const original = await filledFile(t, ENTRIES)
  const { head } = verifyLedger({ path: original })
  const expect = [{ entry: ENTRIES, hash: head?.hash ?? '' }]
  const harm = new Harm(t, original, { expect })
  assert.equal(harm.verify(() => {}).ok, true)
  assert.deepEqual(
    harm.verify((db) => forge(db, 14)).problems.map(({ what, entry }) => [what, entry]),
    [['chain', ENTRIES]],
  )
  const cut = harm.verify((db) => {
    const last = 'SELECT id, hash, at FROM entry WHERE id = 39'
    db.prepare('DELETE FROM entry WHERE id > 39').run()
    db.prepare('DELETE FROM checkpoint WHERE entry > 39').run()
    db.prepare('UPDATE source SET seq = 39').run()
    const { id, hash, at } = db.prepare(last).get() as { id: number; hash: Buffer; at: number }
    db.prepare("UPDATE chain SET entry = ?, count = ?, hash = ?, at = ? WHERE name = 'head'").run(id, id, hash, at)
  })
  assert.deepEqual(
    cut.problems.map(({ what, entry }) => [what, entry]),
    [['truncated', ENTRIES]],
  )
})

test('What a source told and never arrived is told as a gap in its numbers.', async (t) => {
  const opened = await openTestLedger(t)
  const teller = new Teller(opened.ledger)
  teller.tell({ message: 1 }, { message: 2 })
  teller.tellAgain(5, { message: 3 })
  await eventually(() => teller.acknowledged === 5)
  teller.close()
  await opened.ledger.close()
  const { problems } = verifyLedger({ path: fileOf(opened) })
  assert.deepEqual(
    problems.map(({ what, entry }) => [what, entry]),
    [['gap', 3]],
  )
  assert.match(problems[0]?.text ?? '', /numbers 3 to 4 of source 1/)
})

test('After retention took the oldest, the rest is followed from the anchor, and the anchor holds.', async (t) => {
  const { pem, publicKey } = newKey()
  const opened = await filled(t, ENTRIES, { retentionMs: DAY, key: pem })
  opened.clock.advance(DAY + 8 * 60_000)
  await eventually(async () => {
    opened.clock.advance(1000)
    return (await opened.ledger.summary()).entries < ENTRIES
  })
  await opened.ledger.close()
  const harm = new Harm(t, fileOf(opened), { keys: [publicKey] })
  const report = harm.verify(() => {})
  assert.deepEqual(report.problems, [])
  assert.ok(report.after > 0 && report.entries === ENTRIES - report.after)
  // Somebody drops more, and says that it was retention
  const more = harm.verify((db) => {
    db.prepare('DELETE FROM entry WHERE id <= 40').run()
    db.prepare(`UPDATE chain SET entry = c.entry, count = c.count, hash = c.hash
      FROM checkpoint c WHERE name = 'anchor' AND c.entry = 40`).run()
    db.prepare('DELETE FROM checkpoint WHERE entry <= 40').run()
  })
  assert.match(more.problems.map(({ text }) => text).join(), /signature of the anchor/)
  const back = harm.verify((db) =>
    db.prepare('INSERT INTO entry SELECT 1, source, 1, at, queue_id, event, data, hash FROM entry WHERE id = 45').run(),
  )
  assert.deepEqual(
    back.problems.map(({ what }) => what),
    ['inserted'],
  )
})

test('When retention has taken everything, numbers and chain go on.', async (t) => {
  const opened = await filled(t, 12, { retentionMs: DAY })
  opened.clock.advance(3 * DAY)
  await eventually(async () => {
    opened.clock.advance(1000)
    return (await opened.ledger.summary()).entries === 0
  })
  const teller = new Teller(await opened.reopen())
  teller.tellAgain(13, { message: 100, at: opened.clock.now() })
  await eventually(() => teller.acknowledged === 13)
  teller.close()
  await opened.ledger.close()
  const report = verifyLedger({ path: fileOf(opened) })
  assert.deepEqual([report.problems, report.after, report.entries], [[], 12, 1])
})

test('From a checkpoint on, only what follows is looked at.', async (t) => {
  const original = await filledFile(t, ENTRIES)
  const flipped = (db: Database) => flip(db, 5, 'data', 0, 1)
  const last = new Harm(t, original, { fromCheckpoint: 'last' }).verify(flipped)
  assert.deepEqual([last.ok, last.entries], [true, 0])
  const { problems } = new Harm(t, original, { fromCheckpoint: 10 }).verify((db) => flip(db, 25, 'data', 0, 1))
  assert.equal(problems[0]?.entry, 25)
})

test('A running ledger can be verified, and what comes meanwhile does no harm.', async (t) => {
  const opened = await filled(t, ENTRIES)
  const teller = new Teller(opened.ledger)
  teller.tellAgain(ENTRIES + 1, { message: 90 }, { message: 91 })
  assert.equal(verifyLedger({ path: fileOf(opened) }).ok, true)
  await eventually(() => teller.acknowledged === ENTRIES + 2)
  const report = verifyLedger({ path: fileOf(opened) })
  assert.deepEqual([report.ok, report.entries], [true, ENTRIES + 2])
  teller.close()
})

test('Where the disk lost pages of the file, the rest is still looked at.', async (t) => {
  const original = await filledFile(t, 600, { checkpointEntries: 100 })
  const harm = new Harm(t, original)
  const path = harm.copy(() => {})
  const bytes = readFileSync(path)
  // A page in the middle that holds entries
  const page = Math.floor(bytes.indexOf('<100@royal.test>') / 8192)
  bytes.fill(0xff, page * 8192, page * 8192 + 64)
  writeFileSync(path, bytes)
  const { problems, entries } = verifyLedger({ path })
  assert.deepEqual(
    problems.map(({ what }) => what),
    ['unreadable'],
  )
  assert.ok(entries > 500 && entries < 600, `${entries} were read`)
})

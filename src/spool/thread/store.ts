import { randomBytes } from 'node:crypto'
import type { MessagePort } from 'node:worker_threads'
import { type Connection, isOfTheDisk } from '../../db/database.ts'
import { type Handlers, type Store, WithBlobs } from '../../db/thread.ts'
import type { LeaseRow, SummaryRow, WriterData, WriterOps, WriterReady } from '../wire.ts'
import { Actor } from './act.ts'
import { AgedMark } from './aged.ts'
import type { Ballast } from './ballast.ts'
import { Chances } from './chances.ts'
import { clockWentBack } from './clock-back.ts'
import { Damage } from './damage.ts'
import { Destinations } from './destinations.ts'
import { type Granted, Granter } from './granter.ts'
import { Housekeeping } from './housekeeping.ts'
import { IdMark } from './ids.ts'
import { Journal } from './journal.ts'
import { LeaseTimes } from './lease-times.ts'
import { Lessor } from './lessor.ts'
import { Putter } from './put.ts'
import { recover } from './recover.ts'
import { Removal } from './removal.ts'
import { Settler } from './settle.ts'
import { Space } from './space.ts'
import { committed, rolledBack, type SpoolState } from './state.ts'

/** What the writer's handlers work with. */
interface Parts {
  readonly db: Connection
  readonly state: SpoolState
  readonly putter: Putter
  readonly settler: Settler
  readonly lessor: Lessor
  readonly housekeeping: Housekeeping
  readonly actor: Actor
  readonly damage: Damage
  readonly space: Space
}

/** Recovers the spool and offers its operations. */
export function openWriter(db: Connection, data: WriterData, ballast: Ballast): Store<WriterOps> {
  const space = new Space(db, ballast)
  const recovered = ballast.insist(() => recover(db, data))
  const parts = makeParts(db, data, space)
  const { state, damage } = parts
  setAsideUnknown(parts, recovered.unknown, data.now)
  space.restore()
  const ready: WriterReady = {
    lastId: state.ids.start,
    orphans: recovered.orphans,
    kept: recovered.kept,
    mended: recovered.mended,
    damaged: damage.list(),
    lapsed: recovered.lapsed,
  }
  return {
    db,
    ready,
    handlers: handlers(parts),
    beforeBegin(now) {
      space.retry(now)
      lapse(parts, now)
    },
    beforeCommit: () => void state.journal.sweep(),
    committed: (now) => committed(state, now),
    rolledBack: () => rolledBack(state),
    failed: (code) => space.failed(code),
    idle: () => idle(parts),
    control: (message) => state.journal.connect((message as { journalPort: MessagePort }).journalPort),
    close: () => state.journal.close(),
  }
}

function makeParts(db: Connection, data: WriterData, space: Space): Parts {
  const state: SpoolState = {
    destinations: new Destinations(db),
    leases: new LeaseTimes(),
    holdLeases: new LeaseTimes(),
    journal: new Journal(db, sourceOf(db), data.journalAfter),
    ids: new IdMark(db),
    aged: new AgedMark(),
  }
  const removal = new Removal(db)
  const damage = new Damage(db, state, removal)
  const putter = new Putter(db, state)
  const chances = new Chances(db, state)
  const granter = new Granter(db, state, damage, data.contentPath)
  return {
    db,
    state,
    putter,
    damage,
    space,
    settler: new Settler(db, state, { putter, removal, chances }),
    lessor: new Lessor(db, state, granter, damage),
    housekeeping: new Housekeeping(db, state, granter, damage),
    actor: new Actor(db, state, removal, chances),
  }
}

function handlers({
  db,
  state,
  putter,
  settler,
  lessor,
  housekeeping,
  actor,
  damage,
  space,
}: Parts): Handlers<WriterOps> {
  return {
    put(row, now, blobs) {
      space.checkForPut()
      putter.put(row, now, blobs)
      return null
    },
    settle: (outcomes, now, blobs) => settler.settle(outcomes, now, blobs),
    lease: (want, now) => leases(lessor.lease(want, now)),
    renew(args) {
      renew(state, args)
      return null
    },
    block({ destination, until, failures, reason }) {
      state.destinations.block(state.destinations.named(destination), until, failures, reason)
      return null
    },
    unblock(name) {
      const destination = state.destinations.find(name)
      if (destination !== undefined) state.destinations.unblock(destination)
      return null
    },
    expired: (args, now) => leases(housekeeping.expired(args, now)),
    undelayed: (args, now) => leases(housekeeping.undelayed(args, now)),
    overdue(args, now) {
      const found = housekeeping.overdueHolds(args, now)
      const rows = found.map(({ granted, hold, holdUntil }) => [granted.row, hold, holdUntil] as const)
      const blobs = found.map(({ granted }) => granted.blob)
      return new WithBlobs(rows, blobs)
    },
    nextDue: (_, now) => state.destinations.nextDue(now),
    act: (args, now) => actor.act(args, now),
    summary: () => summary(db, state, damage),
    leaseEnds: (which) => which.map(([id, n]) => state.leases.until(id, n)),
    lapsed: ({ before, most }) => state.leases.overdue(before, most),
    damaged: () => damage.list(),
    setAside({ id, found }, now) {
      damage.setAside(id, found, now)
      return null
    },
    clockWentBack: (byMs, now) => clockWentBack(db, state, byMs, now),
    tick(_, now) {
      state.destinations.forget(now)
      return { backlog: state.journal.backlog, damaged: damage.takeFresh(), diskFailure: space.takeFailure() }
    },
  }
}

const leases = (granted: readonly Granted[]): WithBlobs<readonly LeaseRow[]> =>
  new WithBlobs(
    granted.map(({ row }) => row),
    granted.map(({ blob }) => blob),
  )

function renew({ leases, holdLeases }: SpoolState, { leases: which, until }: WriterOps['renew']['args']): void {
  for (const [id, ...indexes] of which) {
    for (const n of indexes) {
      if (leases.until(id, n) > 0) leases.set(id, n, until)
      if (holdLeases.until(id, n) > 0) holdLeases.set(id, n, until)
    }
  }
}

function summary(db: Connection, state: SpoolState, damage: Damage): SummaryRow {
  const total = { pending: 0, leased: 0, held: 0 }
  const destinations: SummaryRow['destinations'][number][] = []
  for (const { name, pending, leased, held, blockedUntil, reason } of state.destinations.all()) {
    total.pending += pending
    total.leased += leased
    total.held += held
    if (pending + leased + held === 0 && blockedUntil === 0) continue
    destinations.push({ destination: name, pending, leased, held, blockedUntil: blockedUntil || null, reason })
  }
  const oldest = db.prepare('SELECT received_at FROM message ORDER BY id LIMIT 1').pluck().get() as number | undefined
  return {
    ...total,
    oldest: oldest ?? null,
    damaged: damage.count(),
    destinations,
  }
}

/** In a commit of its own, so that the batch that follows finds what has lapsed. */
function lapse({ db, state, lessor }: Parts, now: number): void {
  if (!state.leases.isDue(now) && !state.holdLeases.isDue(now)) return
  try {
    db.transaction(() => lessor.lapse(now))()
  } catch {
    // A full disk, say: they lapse with a later batch
    rolledBack(state)
    return
  }
  committed(state, now)
}

function idle({ state, space }: Parts): void {
  if (!space.isFull) sweepApart(state, space)
  space.restore()
}

/** A commit of its own, as nothing else commits now. A disk that turns out to be full, or fails, here is no reason to end. */
function sweepApart({ journal }: SpoolState, space: Space): void {
  try {
    journal.sweep(1)
  } catch (error) {
    if (!isOfTheDisk(error)) throw error
    space.failed(error.code)
  }
}

function setAsideUnknown({ db, damage, state }: Parts, unknown: readonly [number, string][], now: number): void {
  db.transaction(() => {
    for (const [id, found] of unknown) damage.setAside(id, found, now)
  })()
  committed(state, now)
}

/** A number of its own for each spool, by which the ledger tells their entries apart. */
function sourceOf(db: Connection): number {
  const stored = db.prepare("SELECT value FROM meta WHERE name = 'source'").pluck().get()
  if (stored !== undefined) return stored as number
  const made = randomBytes(6).readUIntBE(0, 6)
  db.prepare("INSERT INTO meta VALUES ('source', ?)").run(made)
  return made
}

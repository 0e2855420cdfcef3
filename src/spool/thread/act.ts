import type { Connection } from '../../db/database.ts'
import { recipientSum, resummed } from '../checksum.ts'
import { Scan } from '../read/filter.ts'
import { type ActDone, type ActRow, HELD, LEASED, PENDING } from '../wire.ts'
import type { Chances } from './chances.ts'
import { type EntryRecipient, entryData } from './journal.ts'
import type { Removal } from './removal.ts'
import type { SpoolState } from './state.ts'

interface Selected {
  readonly id: number
  readonly n: number
  readonly address: string
  readonly state: number
  readonly destination: number
  readonly own: string | null
  readonly due_at: number
  readonly orcpt: string | null
  readonly notify: number | null
  readonly sum: number | null
  readonly tried_until: number | null
}

// The writer serves mail between two of these
const BUDGET_MS = 10
const WINDOW = 200

/** Operators' actions, a stretch of the queue at a time. */
export class Actor {
  readonly #state: SpoolState
  readonly #removal: Removal
  readonly #chances: Chances
  readonly #scan
  readonly #sql

  constructor(db: Connection, state: SpoolState, removal: Removal, chances: Chances) {
    this.#state = state
    this.#removal = removal
    this.#chances = chances
    this.#scan = new Scan<Selected>(
      db,
      'r.message_id AS id, r.n, r.address, r.state, r.destination, r.own, r.due_at, r.orcpt, r.notify, r.sum, r.tried_until',
    )
    const where = 'WHERE message_id = ? AND n = ?'
    this.#sql = {
      due: db.prepare(`UPDATE recipient SET due_at = ? ${where}`),
      hold: db.prepare(
        `UPDATE recipient SET state = 2, hold = ?, hold_until = ?, held_at = iif(state = 2, held_at, ?) ${where}`,
      ),
      release: db.prepare(`UPDATE recipient SET state = 0, due_at = ?, hold = NULL, hold_until = NULL ${where}`),
      reroute: db.prepare(`UPDATE recipient SET destination = ?, own = ?, sum = ?, due_at = min(due_at, ?) ${where}`),
      left: db.prepare('SELECT 1 FROM recipient WHERE message_id = ? LIMIT 1').pluck(),
    }
  }

  act(row: ActRow, now: number): ActDone {
    const end = performance.now() + BUDGET_MS
    const done = { changed: 0, busy: 0, files: [] as string[] }
    let after: number | null = row.after
    do {
      const found: { rows: readonly Selected[]; next: number | null } = this.#scan.window(row.filter, after, WINDOW)
      for (const group of byMessage(found.rows)) this.#message(row, group, now, done)
      after = found.next
    } while (after !== null && performance.now() < end)
    return { ...done, next: after }
  }

  #message(
    row: ActRow,
    recipients: readonly Selected[],
    now: number,
    done: { changed: number; busy: number; files: string[] },
  ): void {
    const changed: EntryRecipient[] = []
    let triedUntil = 0
    for (const recipient of recipients) {
      if (this.#isBusy(recipient)) {
        done.busy++
        continue
      }
      const change = this.#change(row, recipient, now)
      if (change === false) continue
      changed.push(entry(row, recipient))
      if (change !== true) triedUntil = Math.max(triedUntil, change.triedUntil ?? 0)
    }
    const [first] = recipients
    if (first === undefined || changed.length === 0) return
    done.changed += changed.length
    if (row.action === 'remove') this.#drop(first.id, done.files)
    this.#state.journal.append(now, first.id, row.action, entryData(changed, facts(row, triedUntil)))
  }

  #isBusy({ id, n, state }: Selected): boolean {
    return state === LEASED || this.#state.holdLeases.until(id, n) > 0
  }

  /** Whether it changed it; of a release, until when it is tried. */
  #change(row: ActRow, recipient: Selected, now: number): boolean | { readonly triedUntil: number | null } {
    if (row.action === 'retry') return this.#retry(recipient, now)
    if (row.action === 'release') return this.#release(recipient, row, now)
    if (row.action === 'hold') return this.#hold(recipient, row, now)
    if (row.action === 'reroute') return this.#reroute(recipient, row.destination, now)
    this.#removal.recipient(recipient.id, recipient.n)
    return this.#moved(recipient, null)
  }

  #retry(recipient: Selected, now: number): boolean {
    if (recipient.state !== PENDING) return false
    this.#sql.due.run(now, recipient.id, recipient.n)
    const destination = this.#state.destinations.get(recipient.destination)
    if (destination === undefined) return false
    this.#state.destinations.unblock(destination)
    this.#state.destinations.due(destination, now)
    return true
  }

  #release(recipient: Selected, { chance }: ActRow, now: number): false | { readonly triedUntil: number | null } {
    const { id, n, state } = recipient
    if (state !== HELD) return false
    const triedUntil = this.#chances.give(id, n, chance, now)
    this.#sql.release.run(now, id, n)
    this.#moved(recipient, PENDING, now)
    return { triedUntil }
  }

  #hold(recipient: Selected, { hold, holdUntil }: ActRow, now: number): boolean {
    this.#sql.hold.run(hold, holdUntil, now, recipient.id, recipient.n)
    return this.#moved(recipient, HELD)
  }

  #reroute(recipient: Selected, name: string | null, now: number): boolean {
    const { destinations } = this.#state
    const from = destinations.get(recipient.destination)
    const own = recipient.own ?? from?.name
    if (from === undefined || own === undefined) return false
    const to = destinations.named(name ?? own)
    if (to === from) return false
    const sum = sumAfter(recipient, from.name, to.name)
    this.#sql.reroute.run(to.id, to.name === own ? null : own, sum, now, recipient.id, recipient.n)
    destinations.move(from, recipient.state, null)
    destinations.move(to, null, recipient.state)
    if (recipient.state === PENDING) destinations.due(to, Math.min(recipient.due_at, now))
    return true
  }

  #moved(recipient: Selected, to: number | null, due?: number): boolean {
    const { destinations } = this.#state
    const destination = destinations.get(recipient.destination)
    if (destination === undefined) return true
    destinations.move(destination, recipient.state, to)
    if (due !== undefined) destinations.due(destination, due)
    return true
  }

  #drop(id: number, files: string[]): void {
    if (this.#sql.left.get(id) !== undefined) return
    const file = this.#removal.message(id)
    if (file !== null) files.push(file)
  }
}

function sumAfter(recipient: Selected, from: string, to: string): number | null {
  const { id, n, address, orcpt, notify, sum, tried_until } = recipient
  const sumWith = (destination: string) => recipientSum([id, n, address, orcpt, notify, destination], tried_until)
  return resummed(sum, sumWith(from), sumWith(to))
}

function byMessage(rows: readonly Selected[]): Selected[][] {
  const groups: Selected[][] = []
  for (const row of rows) {
    const last = groups.at(-1)
    if (last?.[0]?.id === row.id) last.push(row)
    else groups.push([row])
  }
  return groups
}

function entry({ action }: ActRow, { n, address, state }: Selected): EntryRecipient {
  const after = { retry: 'pending', release: 'pending', hold: 'held', remove: 'removed' }
  const same = state === HELD ? 'held' : 'pending'
  return { index: n, address, state: action === 'reroute' ? same : after[action] }
}

function facts({ by, hold, holdUntil, action, destination }: ActRow, triedUntil: number): string {
  const held = hold === null ? {} : { hold: { ...JSON.parse(hold), until: holdUntil } }
  const released = triedUntil === 0 ? {} : { triedUntil }
  return JSON.stringify({ by, ...held, ...released, ...(action === 'reroute' ? { destination } : {}) })
}

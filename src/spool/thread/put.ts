import type { Connection } from '../../db/database.ts'
import { contentSum, messageSum, recipientSum } from '../checksum.ts'
import { HELD, LEASED, PENDING, type PutRow } from '../wire.ts'
import type { SpoolState } from './state.ts'

const NOTHING = Buffer.alloc(0)

/** Stores messages: rows, counts, leases and journal, in the caller's transaction. */
export class Putter {
  readonly #state: SpoolState
  readonly #message
  readonly #content
  readonly #file
  readonly #recipient

  constructor(db: Connection, state: SpoolState) {
    this.#state = state
    this.#message = db.prepare('INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
    this.#content = db.prepare('INSERT INTO content VALUES (?, ?)')
    this.#file = db.prepare('INSERT INTO content_file VALUES (?, ?)')
    this.#recipient = db.prepare(
      'INSERT INTO recipient VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?, 0, 0, NULL, ?, ?, ?, ?, NULL)',
    )
  }

  /** `blobs`: the prefix, then the bytes unless a file has them. Returns how many blobs were used. */
  put(row: PutRow, now: number, blobs: readonly Buffer[]): number {
    const [
      id,
      receivedAt,
      client,
      mailFrom,
      envid,
      flags,
      size,
      messageId,
      file,
      recipients,
      received,
      discarded,
      fileSum,
    ] = row
    const { journal, ids } = this.#state
    ids.reserve(id)
    journal.append(now, id, 'received', received)
    if (discarded !== null) journal.append(now, id, 'discard', discarded)
    const used = file === null ? 2 : 1
    // Every recipient was discarded: there is nothing to keep
    if (recipients.length === 0) return used
    const [prefix = NOTHING, bytes = NOTHING] = blobs
    const ofContent = file === null ? contentSum(bytes) : fileSum
    const fields = [id, receivedAt, client, mailFrom, envid, flags, size, messageId] as const
    this.#message.run(...fields, prefix, ofContent, messageSum([...fields, ofContent], prefix))
    if (file === null) this.#content.run(id, bytes)
    else this.#file.run(id, file)
    this.#recipients(id, recipients, receivedAt)
    return used
  }

  #recipients(id: number, recipients: PutRow[9], receivedAt: number): void {
    const { destinations, leases } = this.#state
    for (const [n, address, orcpt, notify, name, state, dueAt, leaseUntil, hold, holdUntil] of recipients) {
      const destination = destinations.named(name)
      const sum = recipientSum([id, n, address, orcpt, notify, name])
      const heldAt = state === HELD ? receivedAt : null
      this.#recipient.run(id, n, address, orcpt, notify, destination.id, state, dueAt, hold, holdUntil, sum, heldAt)
      destinations.move(destination, null, state)
      if (state === LEASED) leases.set(id, n, leaseUntil)
      if (state === PENDING) destinations.due(destination, dueAt)
    }
  }
}

import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection } from '../../db/database.ts'
import { parseAddress } from '../../mail/address.ts'
import { contentSum, messageSum, recipientSum } from '../checksum.ts'
import { HELD, LEASED, type LeaseRecipient, type LeaseRow } from '../wire.ts'
import type { Damage } from './damage.ts'
import type { Destination } from './destinations.ts'
import type { SpoolState } from './state.ts'

export type RecipientRow = readonly [
  n: number,
  address: string,
  orcpt: string | null,
  notify: number | null,
  attempts: number,
  lastReply: string | null,
  state: number,
  sum: number | null,
  hold: string | null,
  triedUntil: number | null,
]

/** How many columns these are. */
export const RECIPIENT_WIDTH = 10

type MessageRow = readonly [
  receivedAt: number,
  client: string,
  mailFrom: string | null,
  envid: string | null,
  flags: number,
  size: number,
  messageId: string | null,
  contentSum: number | null,
  sum: number | null,
  prefix: Buffer,
]

export interface Granted {
  readonly row: LeaseRow
  readonly blob: Uint8Array
}

export const RECIPIENT_COLUMNS = 'n, address, orcpt, notify, attempts, last_reply, state, sum, hold, tried_until'

/** Turns rows into leases: reads the message and its content, and marks the rows leased. */
export class Granter {
  readonly #state: SpoolState
  readonly #damage: Damage
  readonly #contentPath: string
  readonly #message
  readonly #bytes
  readonly #file
  readonly #mark

  constructor(db: Connection, state: SpoolState, damage: Damage, contentPath: string) {
    this.#state = state
    this.#damage = damage
    this.#contentPath = contentPath
    this.#message = db
      .prepare<[number], MessageRow>(
        `SELECT received_at, client, mail_from, envid, flags, size, message_id, content_sum, sum, prefix
         FROM message WHERE id = ?`,
      )
      .raw()
    this.#bytes = db.prepare<[number], Buffer>('SELECT bytes FROM content WHERE id = ?').pluck()
    this.#file = db.prepare<[number], string>('SELECT name FROM content_file WHERE id = ?').pluck()
    this.#mark = db.prepare('UPDATE recipient SET state = 1 WHERE message_id = ? AND n = ?')
  }

  /** Leases pending recipients of one message and one destination. Null if the message had to be set aside. */
  pending(id: number, to: Destination, rows: readonly RecipientRow[], until: number, now: number): Granted | null {
    const granted = this.#read(id, to, rows, until, now)
    if (granted === null) return null
    for (const [n, , , , , , state] of rows) {
      this.#mark.run(id, n)
      this.#state.leases.set(id, n, until)
      this.#state.destinations.move(to, state, LEASED)
    }
    return granted
  }

  /** Leases a held recipient, which stays held in the table. */
  held(id: number, to: Destination, row: RecipientRow, until: number, now: number): Granted | null {
    const granted = this.#read(id, to, [row], until, now)
    if (granted !== null) this.#state.holdLeases.set(id, row[0], until)
    return granted
  }

  #read(id: number, to: Destination, rows: readonly RecipientRow[], until: number, now: number): Granted | null {
    try {
      return this.#understood(id, to, rows, until)
    } catch (error) {
      const found = error instanceof Error ? error.message : String(error)
      if (isOfTheSystem(error)) this.#damage.passOver(id, found)
      else this.#damage.setAside(id, found, now)
      return null
    }
  }

  #understood(id: number, to: Destination, rows: readonly RecipientRow[], until: number): Granted {
    const message = this.#message.get(id)
    if (message === undefined) throw new Error('recipients without a message')
    checkMessage(id, message)
    const [receivedAt, client, mailFrom, envid, flags, size, , ofContent, , prefix] = message
    if (mailFrom !== null) checkAddress(mailFrom)
    const { file, bytes } = this.#content(id, size, ofContent)
    const recipients = rows.map((row) => checkRecipient(id, to.name, row))
    return {
      row: [id, to.name, receivedAt, client, mailFrom, envid, flags, size, file, recipients, until, ofContent],
      blob: bytes === null ? prefix : Buffer.concat([prefix, bytes]),
    }
  }

  #content(id: number, size: number, sum: number | null): { file: string | null; bytes: Buffer | null } {
    const bytes = this.#bytes.get(id)
    const file = bytes === undefined ? this.#file.get(id) : null
    if (file === undefined) throw new Error('no content')
    const found = file === null ? (bytes?.length ?? 0) : fileSize(join(this.#contentPath, file))
    if (found !== size) throw new Error(`content of ${found} bytes where ${size} were stored`)
    if (bytes !== undefined && sum !== null && contentSum(bytes) !== sum) throw new Error(WRONG_CONTENT)
    return { file, bytes: bytes ?? null }
  }
}

/** Such as EACCES, EIO, ESTALE: it tells nothing about the message, and may be put right. */
const isOfTheSystem = (error: unknown): boolean => (error as { syscall?: unknown }).syscall !== undefined

function fileSize(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw new Error('content file missing')
  return found.size
}

const WRONG_CONTENT = 'content that does not match its checksum'

function checkMessage(id: number, message: MessageRow): void {
  const [receivedAt, client, mailFrom, envid, flags, size, messageId, ofContent, sum, prefix] = message
  if (sum === null) return
  const fields = [id, receivedAt, client, mailFrom, envid, flags, size, messageId, ofContent] as const
  if (messageSum(fields, prefix) !== sum) throw new Error('a row that does not match its checksum')
}

function checkRecipient(id: number, destination: string, row: RecipientRow): LeaseRecipient {
  const [n, address, orcpt, notify, attempts, lastReply, state, sum, hold, triedUntil] = row
  if (sum !== null && recipientSum([id, n, address, orcpt, notify, destination], triedUntil) !== sum) {
    throw new Error('a recipient that does not match its checksum')
  }
  // A quarantine whose state was altered must not go out
  if (state !== HELD && hold !== null) throw new Error('a recipient that is held and not held')
  checkAddress(address)
  return [n, address, orcpt, notify, attempts, lastReply, triedUntil]
}

function checkAddress(text: string): void {
  if (parseAddress(text, { utf8: true }) === null) throw new Error('an address that is none')
}

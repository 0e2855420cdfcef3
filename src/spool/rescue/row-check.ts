import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection } from '../../db/database.ts'
import { parseAddress } from '../../mail/address.ts'
import { contentSum, messageSum, recipientSum } from '../checksum.ts'
import { HELD } from '../wire.ts'

interface Message {
  readonly received_at: number
  readonly client: string
  readonly mail_from: string | null
  readonly envid: string | null
  readonly flags: number
  readonly size: number
  readonly message_id: string | null
  readonly prefix: Buffer
  readonly content_sum: number | null
  readonly sum: number | null
}

interface RecipientRow {
  readonly n: number
  readonly address: string
  readonly orcpt: string | null
  readonly notify: number | null
  readonly state: number
  readonly hold: string | null
  readonly sum: number | null
  readonly tried_until: number | null
  readonly name: string | null
}

const PIECE = 262_144

/** Looks at one message after the other as who is about to send it does. */
export class RowCheck {
  readonly #contentPath: string
  readonly #readFiles: boolean
  readonly #sql

  /** `readFiles`: whether content files are read, or only their sizes looked at. */
  constructor(db: Connection, contentPath: string, readFiles = true) {
    this.#contentPath = contentPath
    this.#readFiles = readFiles
    this.#sql = {
      message: db.prepare<[number], Message>('SELECT * FROM message WHERE id = ?'),
      bytes: db.prepare<[number], Buffer>('SELECT bytes FROM content WHERE id = ?').pluck(),
      file: db.prepare<[number], string>('SELECT name FROM content_file WHERE id = ?').pluck(),
      recipients: db.prepare<[number], RecipientRow>(
        `SELECT r.n, r.address, r.orcpt, r.notify, r.state, r.hold, r.sum, r.tried_until, d.name
         FROM recipient r LEFT JOIN destination d ON d.id = r.destination WHERE r.message_id = ?`,
      ),
    }
  }

  /** What is wrong with a message, in words; null if nothing is. */
  problem(id: number): string | null {
    try {
      const message = this.#sql.message.get(id)
      if (message === undefined) return 'recipients without a message'
      return wrongRow(id, message) ?? this.#wrongRecipients(id) ?? this.#wrongContent(id, message)
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  #wrongRecipients(id: number): string | null {
    const rows = this.#sql.recipients.all(id)
    if (rows.length === 0) return 'a message without recipients'
    for (const row of rows) {
      const wrong = wrongRecipient(id, row)
      if (wrong !== null) return wrong
    }
    return null
  }

  #wrongContent(id: number, { size, content_sum }: Message): string | null {
    const bytes = this.#sql.bytes.get(id)
    const file = bytes === undefined ? this.#sql.file.get(id) : undefined
    if (bytes === undefined && file === undefined) return 'no content'
    const path = file === undefined ? null : join(this.#contentPath, file)
    const found = path === null ? bytes?.length : statSync(path, { throwIfNoEntry: false })?.size
    if (found === undefined) return 'content file missing'
    if (found !== size) return `content of ${found} bytes where ${size} were stored`
    if (content_sum === null || (path !== null && !this.#readFiles)) return null
    const sum = path === null ? contentSum(bytes ?? Buffer.alloc(0)) : fileSum(path)
    return sum === content_sum ? null : 'content that does not match its checksum'
  }
}

function wrongRow(id: number, message: Message): string | null {
  const { received_at, client, mail_from, envid, flags, size, message_id, content_sum, sum, prefix } = message
  const fields = [id, received_at, client, mail_from, envid, flags, size, message_id, content_sum] as const
  if (sum !== null && messageSum(fields, prefix) !== sum) return 'a row that does not match its checksum'
  return mail_from !== null && parseAddress(mail_from, { utf8: true }) === null ? 'a sender that is no address' : null
}

function wrongRecipient(id: number, row: RecipientRow): string | null {
  const { n, address, orcpt, notify, state, hold, sum, tried_until, name } = row
  if (name === null) return 'a destination that is not known'
  if (sum !== null && recipientSum([id, n, address, orcpt, notify, name], tried_until) !== sum)
    return 'a recipient that does not match its checksum'
  if (![0, 1, HELD].includes(state)) return `unknown state ${state}`
  if ((state === HELD) !== (hold !== null)) return 'a recipient that is held and not held'
  return parseAddress(address, { utf8: true }) === null ? 'an address that is none' : null
}

/** The checksum of a file, a piece at a time. */
export function fileSum(path: string): number {
  const file = openSync(path, 'r')
  const piece = Buffer.alloc(PIECE)
  try {
    let sum = 0
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece))
      sum = contentSum(piece.subarray(0, read), sum)
    return sum
  } finally {
    closeSync(file)
  }
}

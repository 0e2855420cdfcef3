import type { Connection } from '../../db/database.ts'

/** Deletes messages and their recipients, in the caller's transaction. */
export class Removal {
  readonly #recipient
  readonly #recipients
  readonly #message
  readonly #content
  readonly #file

  constructor(db: Connection) {
    this.#recipient = db.prepare('DELETE FROM recipient WHERE message_id = ? AND n = ?')
    this.#recipients = db.prepare('DELETE FROM recipient WHERE message_id = ?')
    this.#message = db.prepare('DELETE FROM message WHERE id = ?')
    this.#content = db.prepare('DELETE FROM content WHERE id = ?')
    this.#file = db.prepare<[number], string>('DELETE FROM content_file WHERE id = ? RETURNING name').pluck()
  }

  recipient(id: number, n: number): void {
    this.#recipient.run(id, n)
  }

  /** All of a message. The name of its content file, which is to be unlinked after the commit; null if it had none. */
  message(id: number): string | null {
    this.#recipients.run(id)
    this.#message.run(id)
    if (this.#content.run(id).changes > 0) return null
    return this.#file.get(id) ?? null
  }
}

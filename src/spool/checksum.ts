import { crc32 } from 'node:zlib'
import type { MessageColumns } from './wire.ts'

/**
 * Checksums (CRC-32) of what the spool keeps, so that what a disk altered is never sent as if it were
 * good. They are against accidents: whoever alters mail on purpose is shown by the ledger's SHA-256.
 */

/** Of content, piece by piece: `before` is the sum of what came before. */
export const contentSum = (bytes: Uint8Array, before = 0): number => crc32(bytes, before)

/** What the sum of a message's row covers, beside its prefix. */
export type MessageFields = readonly [...MessageColumns, contentSum: number | null]

export const messageSum = (fields: MessageFields, prefix: Uint8Array): number => crc32(prefix, sumOf(fields))

/** What the sum of a recipient covers: who gets the message, and by which destination. */
export type RecipientFields = readonly [
  messageId: number,
  n: number,
  address: string,
  orcpt: string | null,
  notify: number | null,
  destination: string,
]

/** `triedUntil`: of one that was released; null adds nothing, as in rows of before there was such a time. */
export const recipientSum = (fields: RecipientFields, triedUntil: number | null = null): number =>
  sumOf(triedUntil === null ? fields : [...fields, triedUntil])

/** After a change of what it covers: one that did not match before must not match now. */
export const resummed = (sum: number | null, before: number, after: number): number | null =>
  sum === before ? after : sum

/** As SQLite gives texts back: half a surrogate pair comes out of it as U+FFFD. */
const sumOf = (fields: readonly (string | number | null)[]): number =>
  crc32(JSON.stringify(fields.map((field) => (typeof field === 'string' ? field.toWellFormed() : field))))

/** What was read is not what was stored. */
export class ContentDamaged extends Error {
  override readonly name = 'ContentDamaged'
}

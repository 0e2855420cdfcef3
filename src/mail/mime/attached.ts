import { decodeBody } from './decode.ts'
import { MIME_LIMITS, type MimeLimits } from './limits.ts'
import { isMessage, type Part } from './part.ts'
import { type Mime, readMime } from './reader.ts'

/** The message in a message/rfc822 part that is not encoded: a part of the same tree. */
export const attachedMessage = (part: Part): Part | null => (isMessage(part) ? (part.children[0] ?? null) : null)

/** A message out of an encoded part. */
export interface UnpackedMessage {
  /** Its bytes, to which its offsets belong. */
  readonly bytes: Buffer
  readonly mime: Mime
}

/**
 * The message in a part that is encoded although it is a message, which the tree does not hold; null
 * for any other part, and one that is longer than `limit` bytes. It counts from the part's depth.
 */
export function unpackMessage(
  message: Buffer,
  part: Part,
  limit: number,
  limits: MimeLimits = MIME_LIMITS,
): UnpackedMessage | null {
  if (!isMessage(part) || part.children.length > 0 || part.depth >= limits.depth) return null
  const { bytes, complete } = decodeBody(message, part, limit)
  return complete ? { bytes, mime: readMime(bytes, { ...limits, depth: limits.depth - part.depth - 1 }) } : null
}

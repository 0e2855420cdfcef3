/**
 * The name of a message in this relay: a 53-bit integer, 41 bits of milliseconds since
 * 2026-01-01 and 12 bits of sequence, so that ids sort by time of receipt and the spool
 * can use them as its primary key. People see it as eleven characters of Crockford's
 * base 32. Never confused with the Message-ID, which belongs to the sender.
 */
export type QueueId = string & { readonly __queueId: unique symbol }

const EPOCH_MS = Date.UTC(2026, 0, 1)
const SEQUENCE = 4096
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const LENGTH = 11

/** The text of a number as made by `idGenerator` or `idAt`. */
export function formatQueueId(id: number): QueueId {
  let text = ''
  for (let rest = id, i = 0; i < LENGTH; i++) {
    text = ALPHABET.charAt(rest % 32) + text
    rest = Math.floor(rest / 32)
  }
  return text as QueueId
}

/** The number behind a queue id as typed by a person (any case), or null if it is none. */
export function parseQueueId(text: string): number | null {
  if (text.length !== LENGTH) return null
  let id = 0
  for (const character of text.toUpperCase()) {
    const digit = ALPHABET.indexOf(character)
    if (digit < 0) return null
    id = id * 32 + digit
  }
  return Number.isSafeInteger(id) ? id : null
}

/** The smallest id of a message received at `timeMs` (milliseconds since 1970). */
export const idAt = (timeMs: number): number => Math.max(0, Math.floor(timeMs - EPOCH_MS)) * SEQUENCE

/** The time of receipt that an id was made at, milliseconds since 1970. */
export const idTime = (id: number): number => Math.floor(id / SEQUENCE) + EPOCH_MS

/**
 * Gives ids that only ever grow, starting above `last` (the highest one ever stored), even
 * when the clock goes back.
 */
export function idGenerator(now: () => number, last: number): () => number {
  let previous = last
  return () => {
    previous = Math.max(previous + 1, idAt(now()))
    return previous
  }
}

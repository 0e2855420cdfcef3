import type { JobInput } from '../pool/job.ts'
import { bodyStart } from './header.ts'

/** A header that does not end within the limit. */
export class HeaderTooLarge extends Error {
  override readonly name = 'HeaderTooLarge'
}

/**
 * Parts a message into header and body as it comes. `onHeader` is given all bytes of the header,
 * its empty line included, before `onBody` is given the first of the body. Rejects with
 * HeaderTooLarge over `limit` bytes.
 */
export async function partMessage(
  input: JobInput,
  limit: number,
  onHeader: (bytes: Buffer) => Promise<void> | void,
  onBody: (piece: Buffer) => void,
): Promise<void> {
  let held: Buffer | null = Buffer.alloc(0)
  for await (const piece of input.stream()) {
    if (held === null) {
      onBody(piece)
      continue
    }
    const bytes: Buffer = held.length === 0 ? piece : Buffer.concat([held, piece])
    const start = bodyStart(bytes)
    if ((start < 0 ? bytes.length : start) > limit) throw new HeaderTooLarge(`the header has over ${limit} bytes`)
    held = start < 0 ? bytes : null
    if (start < 0) continue
    await onHeader(bytes.subarray(0, start))
    if (start < bytes.length) onBody(bytes.subarray(start))
  }
  // RFC 5322 section 2.1: a message may be a header only
  if (held !== null) await onHeader(held)
}

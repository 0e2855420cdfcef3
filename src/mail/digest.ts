import { createHash, hash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import type { Content } from './content.ts'

/** Hashed in one go up to this: half a millisecond. */
const AT_ONCE = 1_048_576

/**
 * SHA-256 in lower-case hex of `head` followed by `content`. At once where both are small and lie in
 * memory; otherwise piece by piece, so that the thread is never kept for long. Rejects if the content cannot be read.
 */
export function sha256Of(head: Buffer, content: Content): string | Promise<string> {
  const { bytes } = content
  if (bytes === null || head.length + bytes.length > AT_ONCE) return inPieces(head, content)
  return head.length === 0
    ? hash('sha256', bytes, 'hex')
    : createHash('sha256').update(head).update(bytes).digest('hex')
}

async function inPieces(head: Buffer, content: Content): Promise<string> {
  const digest = createHash('sha256').update(head)
  for await (const chunk of content.stream('lent')) {
    for (let at = 0; at < chunk.length; at += AT_ONCE) {
      digest.update(chunk.subarray(at, at + AT_ONCE))
      if (chunk.length > AT_ONCE) await turn()
    }
  }
  return digest.digest('hex')
}

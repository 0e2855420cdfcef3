import { open } from 'node:fs/promises'
import type { Content } from '../../mail/content.ts'
import { ContentDamaged, contentSum } from '../checksum.ts'
import type { ContentBuffers } from './buffers.ts'
import type { Fresh } from './fresh.ts'

// Larger ones that nobody gives back are mapped and unmapped each time, and cost more than they save
const READ_BYTES = 65_536

/** What a file must hold. */
export interface Whole {
  readonly size: number
  /** Null where none was stored. */
  readonly sum: number | null
  /** Told what was found where it holds something else. */
  readonly onDamage?: (found: string) => void
}

/**
 * Content that lies in a file. Each chunk is a buffer of its own, or else one of `buffers` where it is lent. Ends with
 * ContentDamaged, before its last chunk, if the file does not hold what was stored: nobody who waits for the end takes
 * it for a message.
 */
export const fileContent = (path: string, whole: Whole, buffers: ContentBuffers): Content => ({
  size: whole.size,
  bytes: null,
  stream: (how) => (how === 'lent' ? lend(path, whole, buffers) : readFile(path, whole, newBuffer)),
})

/** Content that was just written to a file: lent from memory while it is there, read from the file otherwise. */
export function freshContent(path: string, whole: Whole, buffers: ContentBuffers, fresh: Fresh): Content {
  const file = fileContent(path, whole, buffers)
  // Whether it is there is asked when the first chunk is
  const lent = async function* () {
    yield* fresh.isHere ? fresh.read() : file.stream('lent')
  }
  return { ...file, stream: (how) => (how === 'lent' ? lent() : file.stream(how)) }
}

const newBuffer = (): Buffer => Buffer.allocUnsafeSlow(READ_BYTES)

async function* lend(path: string, whole: Whole, buffers: ContentBuffers): AsyncGenerator<Buffer> {
  const buffer = buffers.take()
  try {
    yield* readFile(path, whole, () => {
      buffers.freed(buffer)
      return buffer
    })
  } finally {
    buffers.give(buffer)
  }
}

async function* readFile(path: string, whole: Whole, place: () => Buffer): AsyncGenerator<Buffer> {
  const { size, sum } = whole
  const file = await open(path, 'r')
  let found = 0
  try {
    for (let at = 0; at < size; ) {
      const buffer = place()
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - at), at)
      if (bytesRead === 0) throw damaged(whole, `the content file ends after ${at} of ${size} bytes`)
      at += bytesRead
      const chunk = buffer.subarray(0, bytesRead)
      if (sum !== null) found = contentSum(chunk, found)
      if (sum !== null && at === size && found !== sum) throw damaged(whole, 'content that does not match its checksum')
      yield chunk
    }
  } finally {
    await file.close()
  }
}

function damaged({ onDamage }: Whole, found: string): ContentDamaged {
  onDamage?.(found)
  return new ContentDamaged(found)
}

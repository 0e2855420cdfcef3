import { open } from 'node:fs/promises'
import type { Content } from '../../mail/content.ts'

// Larger ones are mapped and unmapped each time, and cost more than they save
const READ_BYTES = 65_536

/** Content that lies in a file. Each chunk is a buffer of its own. Ends with an error if the file is shorter than `size`. */
export const fileContent = (path: string, size: number): Content => ({
  size,
  bytes: null,
  stream: () => readFile(path, size),
})

async function* readFile(path: string, size: number): AsyncGenerator<Buffer> {
  const file = await open(path, 'r')
  try {
    for (let at = 0; at < size; ) {
      const want = Math.min(READ_BYTES, size - at)
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(want), 0, want, at)
      if (bytesRead === 0) throw new Error(`${path} ends after ${at} of ${size} bytes`)
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

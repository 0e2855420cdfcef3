import { open } from 'node:fs/promises'
import type { Content } from '../../mail/content.ts'
import type { KeptStretches } from './fresh.ts'

const READ_BYTES = 262_144

/** Content that lies in a file. Each chunk is a buffer of its own. Ends with an error if the file is shorter than `size`. */
export const fileContent = (path: string, size: number): Content => ({
  size,
  bytes: null,
  stream: () => readFile(path, size),
})

/** Content that was just written to a file, and is read from memory until it is released. */
export const freshContent = (path: string, size: number, kept: KeptStretches): Content => ({
  size,
  bytes: null,
  stream: () => (kept.stretches === null ? readFile(path, size) : readStretches(kept.stretches)),
  release: () => kept.drop(),
})

async function* readStretches(stretches: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* stretches
}

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

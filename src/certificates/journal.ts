import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'

/** One line of the file: what was done, when and by whom. Nothing is ever taken out of it. */
export type JournalLine =
  | {
      readonly do: 'add'
      /** Milliseconds since 1970. */
      readonly at: number
      readonly by: string
      readonly how: 'added' | 'learnt'
      readonly addresses: readonly string[]
      readonly fingerprint: string
      readonly notBefore: number
      readonly notAfter: number
      /** DER in base64. */
      readonly certificate: string
    }
  | {
      readonly do: 'expire'
      readonly at: number
      readonly by: string
      readonly addresses: readonly string[]
      readonly fingerprint: string
    }

/** What reading the file from its beginning gave. */
export interface Replay {
  /** The first line that cannot be read, counted from 1; null: all can. */
  readonly damagedLine: number | null
}

const NEWLINE = 10
const CHUNK_BYTES = 256 * 1024
const MOST_LINE_BYTES = 128 * 1024

/** The file that the store is made from at each start: a sum and JSON on each line, only ever added to, synced before it counts. */
export class Journal {
  readonly #file: FileHandle
  #size: number

  private constructor(file: FileHandle, size: number) {
    this.#file = file
    this.#size = size
  }

  /**
   * Opens the file, made if missing, and gives each line to `take`, which throws for one that it cannot
   * read. A last line that was not written to its end was never confirmed: it is cut off.
   */
  static async open(path: string, take: (line: JournalLine) => void): Promise<{ journal: Journal; replay: Replay }> {
    const file = await openSynced(path)
    try {
      const { size, damagedLine } = await replay(file, take)
      if (damagedLine === null) await file.truncate(size)
      return { journal: new Journal(file, size), replay: { damagedLine } }
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Resolves when the lines are on stable storage; if that fails, none of them is there at the next start. */
  async append(lines: readonly JournalLine[]): Promise<void> {
    const bytes = Buffer.from(lines.map(written).join(''))
    try {
      await this.#file.write(bytes, 0, bytes.length, this.#size)
      await this.#file.datasync()
      this.#size += bytes.length
    } catch (error) {
      await this.#file.truncate(this.#size).catch(() => {})
      throw error
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

async function openSynced(path: string): Promise<FileHandle> {
  const made = await open(path, 'wx+', 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return null
    throw error
  })
  if (made === null) return open(path, 'r+')
  const folder = await open(dirname(path), 'r')
  await folder.sync().finally(() => folder.close())
  return made
}

/** `size`: up to the end of the last line that counts. */
async function replay(file: FileHandle, take: (line: JournalLine) => void) {
  const { size: all } = await file.stat()
  let [size, line] = [0, 0]
  let rest: Buffer = Buffer.alloc(0)
  for (let at = 0; at < all; ) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, at)
    if (bytesRead === 0) break
    at += bytesRead
    rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
    let from = 0
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE, from)) {
      line++
      const bytes = rest.subarray(from, end)
      const next = size + end - from + 1
      if (!taken(bytes, take)) return { size, damagedLine: next === all && isTorn(bytes) ? null : line }
      size = next
      from = end + 1
    }
    rest = rest.subarray(from)
    if (rest.length > MOST_LINE_BYTES) return { size, damagedLine: line + 1 }
  }
  return { size, damagedLine: null }
}

/** After a loss of power the last write may have left zeros where its first half should stand: it was never confirmed. */
const isTorn = (line: Buffer): boolean => line.includes(0)

function taken(bytes: Buffer, take: (line: JournalLine) => void): boolean {
  const text = bytes.toString()
  const json = text.slice(SUM_LENGTH + 1)
  if (text.slice(0, SUM_LENGTH) !== sumOf(json)) return false
  try {
    take(JSON.parse(json) as JournalLine)
    return true
  } catch {
    return false
  }
}

function written(line: JournalLine): string {
  const json = JSON.stringify(line)
  return `${sumOf(json)} ${json}\n`
}

const SUM_LENGTH = 16
/** So that no bit can turn over unseen, and make a certificate somebody else's. */
const sumOf = (json: string): string => createHash('sha256').update(json).digest('hex').slice(0, SUM_LENGTH)

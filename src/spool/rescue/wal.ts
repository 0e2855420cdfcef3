import { closeSync, openSync, readSync, statSync } from 'node:fs'

/**
 * SQLite's write-ahead log (https://www.sqlite.org/fileformat2.html#walformat): a header of 32 bytes, then
 * frames of a header of 24 and a page. Each frame's checksum covers all before it, and SQLite takes what
 * follows a frame that does not fit for never written. That is right for the torn end of a crash; a bit that
 * flips in the middle would make acknowledged mail vanish in silence.
 */

export const WAL_HEADER = 32
export const FRAME_HEADER = 24
const MAGIC = 0x377f0682

export type Sum = readonly [number, number]

export interface WalHeader {
  readonly pageBytes: number
  readonly salts: readonly [number, number]
  readonly bigEndian: boolean
  readonly sum: Sum
  /** Whether its own checksum fits. */
  readonly fits: boolean
}

export interface Frame {
  /** Where it begins in the file. */
  readonly at: number
  readonly page: number
  /** Pages of the database after the commit that this frame ends; 0 for the others. */
  readonly commit: number
  readonly fits: boolean
}

/** The checksum over bytes whose number can be divided by 8. */
export function walSum(bytes: Buffer, bigEndian: boolean, [first, second]: Sum): Sum {
  let [s0, s1] = [first, second]
  for (let at = 0; at < bytes.length; at += 8) {
    const x0 = bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)
    const x1 = bigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)
    s0 = (s0 + x0 + s1) >>> 0
    s1 = (s1 + x1 + s0) >>> 0
  }
  return [s0, s1]
}

/** Null for a log with nothing in it. */
export function readWalHeader(bytes: Buffer): WalHeader | null {
  if (bytes.length < WAL_HEADER) return null
  const magic = bytes.readUInt32BE(0)
  const bigEndian = (magic & 1) === 1
  const sum = walSum(bytes.subarray(0, 24), bigEndian, [0, 0])
  return {
    pageBytes: bytes.readUInt32BE(8),
    salts: [bytes.readUInt32BE(16), bytes.readUInt32BE(20)],
    bigEndian,
    sum: [bytes.readUInt32BE(24), bytes.readUInt32BE(28)],
    fits: (magic & ~1) === MAGIC && sum[0] === bytes.readUInt32BE(24) && sum[1] === bytes.readUInt32BE(28),
  }
}

/** What a frame's header and page say, and the checksum after it. */
export function readFrame(
  frame: Buffer,
  at: number,
  { salts, bigEndian }: WalHeader,
  before: Sum,
): { readonly frame: Frame; readonly stored: Sum; readonly computed: Sum; readonly ours: boolean } {
  const ours = frame.readUInt32BE(8) === salts[0] && frame.readUInt32BE(12) === salts[1]
  const stored: Sum = [frame.readUInt32BE(16), frame.readUInt32BE(20)]
  const computed = walSum(frame.subarray(FRAME_HEADER), bigEndian, walSum(frame.subarray(0, 8), bigEndian, before))
  const fits = ours && stored[0] === computed[0] && stored[1] === computed[1]
  return { frame: { at, page: frame.readUInt32BE(0), commit: frame.readUInt32BE(4), fits }, stored, computed, ours }
}

/**
 * What is wrong in the middle of a log, in words; null where nothing is, or only its last commit was torn.
 * A frame that fits again after one that does not, with a commit between them, was written after that commit
 * was on stable storage: no crash leaves such a log.
 */
export function findWalDamage(path: string): string | null {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size < WAL_HEADER + FRAME_HEADER) return null
  const file = openSync(path, 'r')
  try {
    return lookThrough(path, file, size)
  } finally {
    closeSync(file)
  }
}

function lookThrough(path: string, file: number, size: number): string | null {
  const head = Buffer.alloc(WAL_HEADER)
  readSync(file, head, 0, WAL_HEADER, 0)
  const header = readWalHeader(head)
  if (header === null) return null
  if (!header.fits) return headDamage(path, file, size, header)
  const bytes = Buffer.alloc(FRAME_HEADER + header.pageBytes)
  const walk = new Walk(header)
  for (let at = WAL_HEADER; at + bytes.length <= size; at += bytes.length) {
    readSync(file, bytes, 0, bytes.length, at)
    if (walk.next(bytes, at) === null) return null
    if (walk.isDamage) return `${path} is damaged at byte ${walk.bad}, and what was written after that would be lost`
  }
  return null
}

/** Whether a log holds frames that SQLite does not read: torn by a crash, or damaged. */
export function hasUnreadTail(path: string): boolean {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size < WAL_HEADER + FRAME_HEADER) return false
  const file = openSync(path, 'r')
  try {
    const header = headerOf(file)
    if (header === null || !header.fits) return header !== null
    const bytes = Buffer.alloc(FRAME_HEADER + header.pageBytes)
    const walk = new Walk(header)
    for (let at = WAL_HEADER; at + bytes.length <= size; at += bytes.length) {
      readSync(file, bytes, 0, bytes.length, at)
      if (walk.next(bytes, at) === null) return false
      if (walk.bad !== null) return true
    }
    return false
  } finally {
    closeSync(file)
  }
}

/** Where the newest version of each page lies in a log, as far as anything can be made of it. */
export function salvageWal(
  file: number,
  size: number,
): { pages: Map<number, number>; pageBytes: number; count: number } {
  const pages = new Map<number, number>()
  const header = headerOf(file)
  const nothing = { pages, pageBytes: 0, count: 0 }
  if (header === null || size < WAL_HEADER) return nothing
  const bytes = Buffer.alloc(FRAME_HEADER + header.pageBytes)
  const walk = new Walk(header)
  let open: Frame[] = []
  let count = 0
  for (let at = WAL_HEADER; at + bytes.length <= size; at += bytes.length) {
    readSync(file, bytes, 0, bytes.length, at)
    const frame = walk.next(bytes, at)
    if (frame === null) break
    open.push(frame)
    if (frame.commit === 0) continue
    for (const each of open) pages.set(each.page, each.at + FRAME_HEADER)
    open = []
    count = frame.commit
  }
  return { pages, pageBytes: header.pageBytes, count }
}

/** Of a head that does not fit, the salts are taken from the first frame. */
function headerOf(file: number): WalHeader | null {
  const head = Buffer.alloc(WAL_HEADER + FRAME_HEADER)
  if (readSync(file, head, 0, head.length, 0) < head.length) return null
  const header = readWalHeader(head)
  if (header === null || header.fits) return header
  const salts = [head.readUInt32BE(WAL_HEADER + 8), head.readUInt32BE(WAL_HEADER + 12)] as const
  return { ...header, pageBytes: 8192, bigEndian: (head.readUInt32BE(0) & 1) === 1, salts }
}

/** Goes on behind a frame that does not fit, as if it did. */
class Walk {
  readonly #header: WalHeader
  #chains: readonly Sum[]
  #commitSince = false
  bad: number | null = null

  constructor(header: WalHeader) {
    this.#header = header
    this.#chains = [header.sum]
  }

  /** Whether something was committed behind what does not fit: no crash leaves that. */
  isDamage = false

  /** The frame, taken for true where it can be; null where the log ends. */
  next(bytes: Buffer, at: number): Frame | null {
    const tries = this.#chains.map((before) => readFrame(bytes, at, this.#header, before))
    const good = tries.find(({ frame }) => frame.fits)
    const [first] = tries
    if (first === undefined) return null
    if (good === undefined) return this.#misfit(bytes, first, at)
    if (this.bad !== null && this.#commitSince) this.isDamage = true
    if (this.bad !== null && good.frame.commit > 0) this.#commitSince = true
    this.#chains = [good.stored]
    return good.frame
  }

  /** What comes from before the log was begun anew has other salts, and ends it. */
  #misfit(bytes: Buffer, { frame, stored, computed, ours }: ReturnType<typeof readFrame>, at: number): Frame | null {
    const sumFits = stored[0] === computed[0] && stored[1] === computed[1]
    if (!ours && !sumFits) return null
    this.bad ??= at
    const before = this.#chains[0] ?? this.#header.sum
    const mended = sumFits ? frame : (mendHeader(bytes, at, this.#header, before) ?? frame)
    if (mended.commit > 0) this.#commitSince = true
    // Either the page was altered, or its checksum
    this.#chains = [stored, computed]
    return mended
  }
}

/** Where one byte of a frame's page number or commit mark was altered, the checksum says which. */
function mendHeader(bytes: Buffer, at: number, header: WalHeader, before: Sum): Frame | null {
  const frame = Buffer.from(bytes)
  for (let i = 0; i < 8; i++) {
    for (let value = 0; value < 256; value++) {
      frame[i] = value
      const found = readFrame(frame, at, header, before)
      if (found.frame.fits) return found.frame
    }
    frame[i] = bytes[i] ?? 0
  }
  return null
}

/** A head is written and synced before anything that counts: one that does not fit, with frames of its salts, was altered. */
function headDamage(path: string, file: number, size: number, header: WalHeader): string | null {
  const frame = Buffer.alloc(FRAME_HEADER)
  for (const pageBytes of [header.pageBytes, 8192]) {
    if (pageBytes < 512 || pageBytes > 65_536) continue
    const second = WAL_HEADER + FRAME_HEADER + pageBytes
    if (second + FRAME_HEADER > size) continue
    readSync(file, frame, 0, FRAME_HEADER, WAL_HEADER)
    const salts = frame.toString('hex', 8, 16)
    readSync(file, frame, 0, FRAME_HEADER, second)
    if (salts === frame.toString('hex', 8, 16)) return `the head of ${path} is damaged, and what is in it would be lost`
  }
  return null
}

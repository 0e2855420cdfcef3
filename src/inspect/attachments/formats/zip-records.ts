import { type Budget, spendWork } from '../budget.ts'
import { damaged, Exhausted } from '../failure.ts'

/** APPNOTE.TXT 6.3.10 (PKWARE): 4.3.7 local header, 4.3.12 central header, 4.3.14 to 4.3.16 the end. */
const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const END64 = 0x06064b50
const LOCATOR64 = 0x07064b50
const NONE = 0xffffffff
/** The longest comment, the end itself, and some bytes that are none of it. */
const MOST_TAIL = 0xffff + 22 + 4096

/** What a local or a central header says of one member. */
export interface Header {
  readonly name: string
  readonly flags: number
  readonly method: number
  readonly crc: number
  readonly packed: number
  readonly size: number
  readonly extra: Buffer
  /** Offset of the byte behind the header. */
  readonly end: number
}

export interface CentralHeader extends Header {
  /** Offset of the local header, as written. */
  readonly local: number
  readonly disk: number
}

export interface End {
  /** Where the end records begin. */
  readonly at: number
  readonly count: number
  readonly size: number
  readonly offset: number
  readonly disk: number
  /** The central directory itself is encrypted (7.3.4). */
  readonly encrypted: boolean
}

/** A 64-bit number; Damaged where no file could be that long. */
export function u64(bytes: Buffer, at: number): number {
  const value = bytes.readUInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at)
  return Number.isSafeInteger(value) ? value : damaged('a length is impossible')
}

/** The end of the central directory: the last one that fits, up to 64 KiB of comment behind it. Null where there is none. */
export function findEnd(bytes: Buffer): End | null {
  const earliest = Math.max(0, bytes.length - MOST_TAIL)
  const at = bytes
    .subarray(earliest, Math.max(earliest, bytes.length - 18))
    .lastIndexOf('PK\x05\x06', undefined, 'latin1')
  return at < 0 ? null : readEnd(bytes, earliest + at)
}

function readEnd(bytes: Buffer, at: number): End {
  const end = {
    at,
    disk: bytes.readUInt16LE(at + 4),
    count: bytes.readUInt16LE(at + 10),
    size: bytes.readUInt32LE(at + 12),
    offset: bytes.readUInt32LE(at + 16),
    encrypted: false,
  }
  if (at < 20 || bytes.readUInt32LE(at - 20) !== LOCATOR64) return end
  return readEnd64(bytes, at - 20, end)
}

function readEnd64(bytes: Buffer, locator: number, plain: End): End {
  const written = u64(bytes, locator + 8)
  const earliest = Math.max(0, locator - MOST_TAIL)
  const near = bytes.subarray(earliest, locator).lastIndexOf('PK\x06\x06', undefined, 'latin1')
  const at = isEnd64(bytes, written) ? written : earliest + near
  if (!isEnd64(bytes, at)) return plain
  const length = u64(bytes, at + 4)
  return {
    at,
    disk: bytes.readUInt32LE(at + 16),
    count: u64(bytes, at + 32),
    size: u64(bytes, at + 40),
    offset: u64(bytes, at + 48),
    encrypted: length >= 44 + 20 && bytes.readUInt16LE(at + 56 + 18) !== 0,
  }
}

const isEnd64 = (bytes: Buffer, at: number): boolean => at + 56 <= bytes.length && bytes.readUInt32LE(at) === END64

export const isCentral = (bytes: Buffer, at: number): boolean =>
  at >= 0 && at + 46 <= bytes.length && bytes.readUInt32LE(at) === CENTRAL

export const isLocal = (bytes: Buffer, at: number): boolean =>
  at >= 0 && at + 30 <= bytes.length && bytes.readUInt32LE(at) === LOCAL

export const isEndRecord = (bytes: Buffer, at: number): boolean =>
  at + 4 <= bytes.length && [END, END64].includes(bytes.readUInt32LE(at))

/** Throws RangeError past the end, Damaged where no local header is. */
export function readLocal(bytes: Buffer, at: number): Header {
  if (!isLocal(bytes, at)) damaged('the directory points to where no member is')
  const nameEnd = at + 30 + bytes.readUInt16LE(at + 26)
  const end = nameEnd + bytes.readUInt16LE(at + 28)
  if (end > bytes.length) damaged('ends too early')
  const extra = bytes.subarray(nameEnd, end)
  const flags = bytes.readUInt16LE(at + 6)
  const sizes = wideSizes(extra, bytes.readUInt32LE(at + 22), bytes.readUInt32LE(at + 18), 0)
  return {
    name: nameOf(bytes.subarray(at + 30, nameEnd), flags),
    flags,
    method: bytes.readUInt16LE(at + 8),
    crc: bytes.readUInt32LE(at + 14),
    size: sizes.size,
    packed: sizes.packed,
    extra,
    end,
  }
}

/** All headers of a central directory, from `at` to `to`. */
export function* readCentral(bytes: Buffer, at: number, to: number, budget: Budget): Generator<CentralHeader> {
  let left = budget.itemsLeft
  for (let next = at; next < to && isCentral(bytes, next); ) {
    spendWork(budget, 500)
    // each member is paid for when it is looked at
    if (left-- <= 0) throw new Exhausted('has more members than are allowed')
    const header = readCentralHeader(bytes, next)
    yield header
    next = header.end
  }
}

function readCentralHeader(bytes: Buffer, at: number): CentralHeader {
  const nameEnd = at + 46 + bytes.readUInt16LE(at + 28)
  const extraEnd = nameEnd + bytes.readUInt16LE(at + 30)
  const end = extraEnd + bytes.readUInt16LE(at + 32)
  if (end > bytes.length) damaged('ends too early')
  const extra = bytes.subarray(nameEnd, extraEnd)
  const flags = bytes.readUInt16LE(at + 8)
  const sizes = wideSizes(extra, bytes.readUInt32LE(at + 24), bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 42))
  return {
    name: nameOf(bytes.subarray(at + 46, nameEnd), flags),
    flags,
    method: bytes.readUInt16LE(at + 10),
    crc: bytes.readUInt32LE(at + 16),
    size: sizes.size,
    packed: sizes.packed,
    local: sizes.local,
    disk: bytes.readUInt16LE(at + 34),
    extra,
    end,
  }
}

/** 4.5.3: values of all ones stand in the extra field 0x0001, in this order. */
function wideSizes(extra: Buffer, size: number, packed: number, local: number) {
  const wide = extraField(extra, 0x0001)
  const result = { size, packed, local }
  let at = 0
  for (const key of ['size', 'packed', 'local'] as const) {
    if (result[key] !== NONE || wide === null || at + 8 > wide.length) continue
    result[key] = u64(wide, at)
    at += 8
  }
  return result
}

/** The data of one extra field, or null. */
export function extraField(extra: Buffer, id: number): Buffer | null {
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + extra.readUInt16LE(at + 2)
    if (extra.readUInt16LE(at) === id) return extra.subarray(at + 4, end)
    at = end
  }
  return null
}

/** Appendix D: UTF-8 where bit 11 says so; otherwise a code page that nobody names, so bytes as they are. */
function nameOf(bytes: Buffer, flags: number): string {
  const isUtf8 = (flags & 0x800) !== 0 || Buffer.from(bytes.toString('utf8')).equals(bytes)
  return bytes.toString(isUtf8 ? 'utf8' : 'latin1')
}

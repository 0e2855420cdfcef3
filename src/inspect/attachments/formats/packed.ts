import { spendItem, spendWork } from '../budget.ts'
import { measureLzma2, unpackLzma2 } from '../codec/lzma-streams.ts'
import { type Packing, unpack } from '../codec/unpack.ts'
import { damaged } from '../failure.ts'
import type { Format, Visit } from '../reader.ts'

const starts = (bytes: Buffer, ...head: number[]): boolean => bytes.subarray(0, head.length).equals(Buffer.from(head))

/** RFC 1952. Members behind each other are one file. */
export const gzip: Format = {
  name: 'gzip file',
  matches: (bytes) => starts(bytes, 0x1f, 0x8b, 8),
  read: (visit) => readWhole(visit, 'gzip', gzipName(visit.bytes) ?? innerName(visit)),
}

/** RFC 8878. */
export const zstd: Format = {
  name: 'Zstandard file',
  matches: (bytes) => starts(bytes, 0x28, 0xb5, 0x2f, 0xfd),
  read: (visit) => readWhole(visit, 'zstd', innerName(visit)),
}

/** The .xz file format 1.2.1: one or more blocks of LZMA2, without other filters. */
export const xz: Format = {
  name: 'xz file',
  matches: (bytes) => starts(bytes, 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0),
  read: readXz,
}

const unreadFormat = (name: string, matches: (bytes: Buffer) => boolean): Format => ({
  name,
  matches,
  read: (visit) => visit.unread('its packing is not read here'),
})

const text = (bytes: Buffer, at: number, wanted: string): boolean =>
  bytes.subarray(at, at + wanted.length).equals(Buffer.from(wanted, 'latin1'))

/** Formats that are told apart, but not unpacked. */
export const unreadFormats: readonly Format[] = [
  unreadFormat('bzip2 file', (bytes) => text(bytes, 0, 'BZh') && text(bytes, 4, '1AY&SY')),
  unreadFormat('compress file', (bytes) => starts(bytes, 0x1f, 0x9d)),
  unreadFormat('LZ4 file', (bytes) => starts(bytes, 0x04, 0x22, 0x4d, 0x18)),
  unreadFormat('cabinet', (bytes) => text(bytes, 0, 'MSCF\0\0\0\0')),
  unreadFormat('LHA archive', (bytes) => text(bytes, 2, '-lh') && bytes[6] === 0x2d),
  unreadFormat('ACE archive', (bytes) => text(bytes, 7, '**ACE**')),
]

function readWhole(visit: Visit, packing: Packing, name: string): void {
  visit.child(name, unpack(visit.bytes, packing, visit.limits, visit.budget))
}

/** The name without the extension of its packing: `a.tgz` holds `a.tar`. */
export function innerName({ part }: Visit): string {
  const name = part.filename ?? 'content'
  return name.replace(/\.tgz$|\.txz$/iu, '.tar').replace(/\.(?:gz|zst|xz|z)$/iu, '')
}

/** RFC 1952, 2.3.1: the name stands behind the extra field, Latin-1 up to a zero byte. */
function gzipName(bytes: Buffer): string | null {
  const flags = bytes.readUInt8(3)
  if ((flags & 8) === 0) return null
  const at = (flags & 4) === 0 ? 10 : 12 + bytes.readUInt16LE(10)
  const end = bytes.indexOf(0, at)
  return end > at && end - at <= 1024 ? bytes.toString('latin1', at, end) : null
}

function readXz(visit: Visit): void {
  const { bytes, limits, budget } = visit
  if (!text(bytes, bytes.length - 2, 'YZ')) visit.note('suspicious', 'ends too early')
  const checkSize = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64][(bytes[7] ?? 0) & 15] ?? 0
  const parts: Buffer[] = []
  let total = 0
  for (let at = 12; bytes.readUInt8(at) !== 0; ) {
    spendItem(budget)
    const headerSize = (bytes.readUInt8(at) + 1) * 4
    if (!isPlainBlock(bytes.subarray(at, at + headerSize))) {
      visit.unread('its packing is not read here')
      return
    }
    const packed = bytes.subarray(at + headerSize)
    spendWork(budget, packed.length)
    const size = measureLzma2(packed)
    total += size
    if (total > limits.maxLzmaBytes) {
      visit.unread('too large to be unpacked here')
      return
    }
    const { out, used } = unpackLzma2(packed, size, limits, budget)
    parts.push(out)
    at += headerSize + Math.ceil(used / 4) * 4 + checkSize
  }
  visit.child(innerName(visit), Buffer.concat(parts))
}

/** One filter, LZMA2. The two optional sizes in front of it are passed over. */
function isPlainBlock(header: Buffer): boolean {
  const flags = header.readUInt8(1)
  if ((flags & 3) !== 0) return false
  let at = 2
  for (const present of [flags & 0x40, flags & 0x80]) {
    if (present === 0) continue
    while ((header.readUInt8(at++) & 0x80) !== 0) if (at > 20) damaged('a length is impossible')
  }
  return header.readUInt8(at) === 0x21
}

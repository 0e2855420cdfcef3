import { crc32, inflateRawSync } from 'node:zlib'
import { Damaged } from './damaged.ts'

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const END_BYTES = 22
const COMMENT_BYTES = 65_535
const CENTRAL_BYTES = 46
const LOCAL_BYTES = 30
const ENCRYPTED = 1

export const isZip = (bytes: Buffer): boolean => bytes.length > 4 && bytes.readUInt32LE(0) === LOCAL

/**
 * The one file in a ZIP archive (APPNOTE 6.3, without ZIP64, encryption or parts), at most `limit` bytes
 * of it. Throws Damaged for anything else: a report comes alone.
 */
export function unzipOne(bytes: Buffer, limit: number): Buffer {
  const end = endRecord(bytes)
  const entries = bytes.readUInt16LE(end + 10)
  if (entries !== 1) throw new Damaged(`an archive of ${entries} files, not of one`)
  const central = bytes.readUInt32LE(end + 16)
  if (central + CENTRAL_BYTES > end || bytes.readUInt32LE(central) !== CENTRAL) throw new Damaged('a damaged archive')
  if ((bytes.readUInt16LE(central + 8) & ENCRYPTED) !== 0) throw new Damaged('an encrypted archive')
  const packed = dataOf(bytes, central, end)
  const content = inflate(bytes.readUInt16LE(central + 10), packed, limit)
  if (content.length !== bytes.readUInt32LE(central + 24) || crc32(content) !== bytes.readUInt32LE(central + 16))
    throw new Damaged('a damaged archive')
  return content
}

/** Searched from the end, because a comment may follow it. */
function endRecord(bytes: Buffer): number {
  const first = Math.max(0, bytes.length - END_BYTES - COMMENT_BYTES)
  for (let at = bytes.length - END_BYTES; at >= first; at--) if (bytes.readUInt32LE(at) === END) return at
  throw new Damaged('an archive without its end')
}

function dataOf(bytes: Buffer, central: number, end: number): Buffer {
  const size = bytes.readUInt32LE(central + 20)
  const local = bytes.readUInt32LE(central + 42)
  if (local + LOCAL_BYTES > end || bytes.readUInt32LE(local) !== LOCAL) throw new Damaged('a damaged archive')
  const start = local + LOCAL_BYTES + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28)
  if (start + size > end) throw new Damaged('a damaged archive')
  return bytes.subarray(start, start + size)
}

function inflate(method: number, packed: Buffer, limit: number): Buffer {
  if (method === 0 && packed.length <= limit) return packed
  if (method !== 8 && method !== 0) throw new Damaged('an archive with an unknown method')
  if (method === 0) throw new Damaged(`more than ${limit} bytes`)
  try {
    return inflateRawSync(packed, { maxOutputLength: limit })
  } catch (error) {
    throw tooLong(error) ? new Damaged(`more than ${limit} bytes`) : new Damaged('a damaged archive')
  }
}

export const tooLong = (error: unknown): boolean => (error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE'

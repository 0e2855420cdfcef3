import { gunzipSync } from 'node:zlib'
import { Damaged } from './damaged.ts'
import { isZip, tooLong, unzipOne } from './zip.ts'

const isGzip = (bytes: Buffer): boolean => bytes.length > 2 && bytes[0] === 0x1f && bytes[1] === 0x8b

/** A report as text, out of gzip or ZIP where it is in one. Goes by the bytes, as names and types are often wrong. */
export function unpack(bytes: Buffer, limit: number): string {
  const content = isGzip(bytes) ? gunzip(bytes, limit) : isZip(bytes) ? unzipOne(bytes, limit) : bytes
  if (content.length > limit) throw new Damaged(`more than ${limit} bytes`)
  return decode(content)
}

function gunzip(bytes: Buffer, limit: number): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: limit })
  } catch (error) {
    throw new Damaged(tooLong(error) ? `more than ${limit} bytes` : 'damaged gzip')
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
const utf16 = new TextDecoder('utf-16')

/** JSON is UTF-8 (RFC 8259 section 8.1); XML may say otherwise, and old reports do. */
function decode(bytes: Buffer): string {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    if (bytes[0] === 0xfe) throw new Damaged('an encoding that is not read')
    return utf16.decode(bytes)
  }
  try {
    return utf8.decode(bytes)
  } catch {
    return bytes.toString('latin1')
  }
}

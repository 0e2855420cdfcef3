import { spendWork } from '../budget.ts'
import { damaged } from '../failure.ts'
import type { Format, Visit } from '../reader.ts'

const BLOCK = 512
const SPARSE = 0x53

/** POSIX.1-2017 pax interchange format, with GNU's long names. Told by the header's checksum. */
export const tar: Format = {
  name: 'tar archive',
  matches: (bytes) => bytes.length >= BLOCK && bytes[0] !== 0 && checksumFits(bytes.subarray(0, BLOCK)),
  read,
}

interface Names {
  /** The name for the next member, from a header of its own; null where there was none. */
  next: string | null
}

function read(visit: Visit): void {
  const { bytes } = visit
  const names: Names = { next: null }
  let at = 0
  for (; at + BLOCK <= bytes.length && !isZero(bytes, at); ) {
    spendWork(visit.budget, BLOCK)
    const header = bytes.subarray(at, at + BLOCK)
    if (!checksumFits(header)) damaged('one of its headers is damaged')
    // links, devices and folders have no data, whatever their size says
    const size = header.readUInt8(156) >= 0x31 && header.readUInt8(156) <= 0x36 ? 0 : numberAt(header, 124, 12)
    const dataAt = headerEnd(bytes, at)
    const dataEnd = dataAt + size
    if (dataEnd > bytes.length) damaged('ends too early')
    readMember(visit, header, bytes.subarray(dataAt, dataEnd), names)
    at = Math.ceil(dataEnd / BLOCK) * BLOCK
  }
  if (at + BLOCK > bytes.length) visit.note('suspicious', 'ends too early')
}

function readMember(visit: Visit, header: Buffer, data: Buffer, names: Names): void {
  const type = String.fromCharCode(header.readUInt8(156))
  if (type === 'L') names.next = cString(data.subarray(0, 4096))
  else if (type === 'x') names.next = paxPath(data.subarray(0, 65536)) ?? names.next
  else if (type !== 'g' && type !== 'K') {
    const name = names.next ?? headerName(header)
    names.next = null
    if (type === '0' || type === '\0' || type === '7' || type === 'S') visit.child(name, data)
    else visit.member(name)
  }
}

function headerName(header: Buffer): string {
  const isPosix = header.toString('latin1', 257, 262) === 'ustar'
  const prefix = isPosix ? cString(header.subarray(345, 500)) : ''
  const name = cString(header.subarray(0, 100))
  return prefix === '' ? name : `${prefix}/${name}`
}

/** Records of `LENGTH KEY=VALUE`. */
function paxPath(data: Buffer): string | null {
  return /(?:^|\n)\d+ path=([^\n]{1,4096})\n/u.exec(data.toString('utf8'))?.[1] ?? null
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}

/** Octal text, or GNU's base 256 for what is larger. */
function numberAt(header: Buffer, at: number, length: number): number {
  if ((header.readUInt8(at) & 0x80) !== 0) {
    const high = header.readUIntBE(at + length - 6, 6)
    return header.subarray(at + 1, at + length - 6).every((byte) => byte === 0)
      ? high
      : damaged('a length is impossible')
  }
  const digits = header.toString('latin1', at, at + length).replace(/[\0 ]+/gu, '')
  return /^[0-7]*$/u.test(digits) ? Number.parseInt(digits || '0', 8) : damaged('a length is impossible')
}

function checksumFits(header: Buffer): boolean {
  const digits = header.toString('latin1', 148, 156).replace(/[\0 ]+/gu, '')
  if (!/^[0-7]+$/u.test(digits)) return false
  let sum = 0
  let signed = 0
  for (const [at, byte] of header.entries()) {
    const counted = at >= 148 && at < 156 ? 32 : byte
    sum += counted
    // old writers added up signed characters
    signed += counted < 128 ? counted : counted - 256
  }
  const written = Number.parseInt(digits, 8)
  return sum === written || signed === written
}

/** Old GNU sparse files: headers that go on in blocks of their own, as long as a byte says so. */
function headerEnd(bytes: Buffer, at: number): number {
  let end = at + BLOCK
  if (bytes[at + 156] !== SPARSE || bytes[at + 482] !== 1) return end
  for (let more = 1; more === 1 && end + BLOCK <= bytes.length; end += BLOCK) more = bytes.readUInt8(end + 504)
  return end
}

const isZero = (bytes: Buffer, at: number): boolean => bytes.subarray(at, at + BLOCK).every((byte) => byte === 0)

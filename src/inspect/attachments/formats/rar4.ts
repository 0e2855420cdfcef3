import { crc32 } from 'node:zlib'
import { spendWork } from '../budget.ts'
import { damaged } from '../failure.ts'
import type { Format, Visit } from '../reader.ts'

const SIGNATURE = Buffer.from('526172211a0700', 'hex')
const TYPE = { main: 0x73, file: 0x74, service: 0x7a, end: 0x7b } as const
const STORED = 0x30
/** Writers from this version on close an archive with a block of its own. */
const CLOSES = 29

/** RAR 1.5 to 4 (technote.txt of RAR 4): headers are read; contents only where they are stored. */
export const rar4: Format = {
  name: 'RAR archive',
  matches: (bytes) => bytes.subarray(0, 7).equals(SIGNATURE),
  read,
}

/** Whether a main header whose checksum fits follows the signature here. */
export function isRar4At(bytes: Buffer, at: number): boolean {
  if (at + 20 > bytes.length || bytes[at + 9] !== TYPE.main) return false
  const size = bytes.readUInt16LE(at + 12)
  return size >= 13 && at + 7 + size <= bytes.length && blockCrc(bytes, at + 7, 13) === bytes.readUInt16LE(at + 7)
}

const blockCrc = (bytes: Buffer, at: number, size: number): number => crc32(bytes.subarray(at + 2, at + size)) & 0xffff

interface Block {
  readonly at: number
  readonly type: number
  readonly flags: number
  /** Of the header. */
  readonly size: number
  /** Offset behind the block and its data. */
  readonly end: number
}

function read(visit: Visit): void {
  const { bytes } = visit
  let newest = 0
  for (let at = SIGNATURE.length; at < bytes.length; ) {
    spendWork(visit.budget, 100)
    const block = readBlock(bytes, at)
    if (block.type === TYPE.end) {
      noteVolume(visit, (block.flags & 1) !== 0)
      return
    }
    if (block.type === TYPE.main) {
      noteVolume(visit, (block.flags & 1) !== 0)
      if ((block.flags & 0x80) !== 0) {
        visit.note('encrypted', 'encrypted headers, with the names of its files')
        return
      }
    }
    if (block.type === TYPE.file || block.type === TYPE.service) newest = Math.max(newest, readFile(visit, block))
    at = block.end
  }
  if (newest >= CLOSES || newest === 0) visit.note('suspicious', 'ends too early')
}

function noteVolume(visit: Visit, isVolume: boolean): void {
  if (isVolume) visit.note('suspicious', 'one volume of several')
}

function readBlock(bytes: Buffer, at: number): Block {
  const type = bytes.readUInt8(at + 2)
  const flags = bytes.readUInt16LE(at + 3)
  const size = bytes.readUInt16LE(at + 5)
  if (size < 7 || type < 0x72 || type > 0x7b) damaged('one of its headers is damaged')
  const isFile = type === TYPE.file || type === TYPE.service
  const low = (flags & 0x8000) !== 0 || isFile ? bytes.readUInt32LE(at + 7) : 0
  const high = isFile && (flags & 0x100) !== 0 ? bytes.readUInt32LE(at + 32) : 0
  const end = at + size + low + high * 2 ** 32
  return { at, type, flags, size, end }
}

/** Notes what one file header says. Gives the version of RAR that it needs, times ten. */
function readFile(visit: Visit, { at, type, flags, size, end }: Block): number {
  const { bytes } = visit
  const nameAt = at + ((flags & 0x100) !== 0 ? 40 : 32)
  const name = nameOf(bytes.subarray(nameAt, nameAt + bytes.readUInt16LE(at + 26)), flags)
  const isEncrypted = (flags & 4) !== 0
  if (isEncrypted) visit.note('encrypted', 'RAR password', name)
  if (at + size > bytes.length || blockCrc(bytes, at, size) !== bytes.readUInt16LE(at))
    damaged('one of its headers is damaged')
  if (end > bytes.length) damaged('ends too early')
  if ((flags & 3) !== 0) visit.note('suspicious', 'one volume of several', name)
  const isFolder = (flags & 0xe0) === 0xe0
  const isStored = bytes[at + 25] === STORED && (flags & 3) === 0
  if (isEncrypted || type === TYPE.service || isFolder) visit.member(name)
  else if (isStored) visit.child(name, bytes.subarray(at + size, end))
  else {
    visit.member(name)
    visit.unread('packed by RAR', name)
  }
  return bytes.readUInt8(at + 24)
}

/** Plain bytes, UTF-8, or plain bytes, a zero, and RAR's own packing of UTF-16. */
function nameOf(bytes: Buffer, flags: number): string {
  const zero = bytes.indexOf(0)
  if ((flags & 0x200) === 0) return bytes.toString('latin1')
  if (zero < 0) return bytes.toString('utf8')
  return unpackName(bytes.subarray(0, zero), bytes.subarray(zero + 1))
}

function unpackName(plain: Buffer, packed: Buffer): string {
  const units: number[] = []
  const high = (packed[0] ?? 0) << 8
  let flags = 0
  let flagBits = 0
  for (let at = 1; at < packed.length && units.length < 2048; flags <<= 2, flagBits -= 2) {
    if (flagBits === 0) {
      flags = packed[at++] ?? 0
      flagBits = 8
    }
    const kind = (flags >> 6) & 3
    const value = packed[at++] ?? 0
    if (kind === 0) units.push(value)
    else if (kind === 1) units.push(high | value)
    else if (kind === 2) units.push(((packed[at++] ?? 0) << 8) | value)
    else {
      const correction = (value & 0x80) !== 0 ? (packed[at++] ?? 0) : null
      for (let left = (value & 0x7f) + 2; left > 0 && units.length < plain.length; left--) {
        const byte = plain[units.length] ?? 0
        units.push(correction === null ? byte : high | ((byte + correction) & 255))
      }
    }
  }
  return String.fromCharCode(...units)
}

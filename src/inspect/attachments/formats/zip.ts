import { crc32 } from 'node:zlib'
import { attempt } from '../attempt.ts'
import { spendItem, spendWork } from '../budget.ts'
import { unpackLzma } from '../codec/lzma-streams.ts'
import { unpack } from '../codec/unpack.ts'
import { damaged } from '../failure.ts'
import type { Format, Visit } from '../reader.ts'
import { nameOfPackage, notePackageMember, notePackageNames } from './zip-package.ts'
import {
  type CentralHeader,
  type End,
  extraField,
  findEnd,
  type Header,
  isCentral,
  isEndRecord,
  isLocal,
  readCentral,
  readLocal,
} from './zip-records.ts'

/** ZIP and the packages built on it. Members are found twice: by the directory, and by headers that it does not list. */
export const zip: Format = {
  name: 'ZIP archive',
  matches: (bytes) =>
    isLocal(bytes, 0) ||
    isEndRecord(bytes, 0) ||
    bytes.subarray(0, 8).toString('latin1') === 'PK00PK\x03\x04' ||
    isSpanned(bytes),
  read,
}

const isSpanned = (bytes: Buffer): boolean => bytes.subarray(0, 8).toString('latin1') === 'PK\x07\x08PK\x03\x04'

/** Whether a ZIP archive ends here whose directory is where it says, whatever stands in front of it. */
export function endsAsZip(bytes: Buffer): boolean {
  const end = findEnd(bytes)
  return end !== null && end.size > 0 && isCentral(bytes, end.at - end.size)
}

interface Member {
  readonly header: Header
  readonly at: number
}

function read(visit: Visit): void {
  const { bytes } = visit
  spendWork(visit.budget, Math.min(bytes.length, 70_000))
  const end = findEnd(bytes)
  if (end === null) {
    noteLooseMembers(visit, 0, bytes.length)
    damaged('its directory is missing: it ends too early')
  }
  if (end.encrypted) visit.note('encrypted', 'encrypted central directory')
  const start = directoryStart(bytes, end)
  if (start === null) {
    noteLooseMembers(visit, 0, end.at)
    damaged('its directory cannot be read')
  }
  if (end.disk !== 0) visit.note('suspicious', 'one volume of several')
  const central = [...readCentral(bytes, start, end.at, visit.budget)]
  if (central.length % 65536 !== end.count % 65536)
    visit.note('suspicious', 'its directory does not have the members it counts')
  visit.name(nameOfPackage(central, visit))
  notePackageNames(visit, central)
  readMembers(visit, central, start, start - end.offset)
}

/** Where the directory begins: in front of its end, or where the end says. */
function directoryStart(bytes: Buffer, end: End): number | null {
  if (end.count === 0 && end.size === 0) return end.at
  if (end.size <= end.at && isCentral(bytes, end.at - end.size)) return end.at - end.size
  return isCentral(bytes, end.offset) ? end.offset : null
}

function readMembers(visit: Visit, central: readonly CentralHeader[], start: number, shift: number): void {
  const spans: [number, number][] = []
  for (const entry of central) {
    attempt(visit, entry.name, () => {
      const at = entry.local + (isLocal(visit.bytes, entry.local + shift) ? shift : 0)
      const isSaidEncrypted = noteEncryption(visit, entry, entry)
      const local = readLocal(visit.bytes, at)
      const dataEnd = local.end + entry.packed
      spans.push([at, dataEnd])
      if (noteEncryption(visit, local, entry) || isSaidEncrypted) return
      if (dataEnd > start) damaged('ends too early')
      compareHeaders(visit, local, entry)
      readContent(visit, entry, visit.bytes.subarray(local.end, dataEnd))
    })
  }
  readGaps(visit, spans, start)
}

/** Traditional (bit 0), strong (bit 6, 0x0017), masked headers (bit 13), AES (method 99, 0x9901), iWork's own. */
function noteEncryption(visit: Visit, header: Header, entry: Header): boolean {
  const { flags, method, extra } = header
  const aes = extraField(extra, 0x9901)
  const strong = (flags & 0x40) !== 0 || extraField(extra, 0x0017) !== null
  let fact: string | null = null
  if (aes !== null || method === 99) fact = `AES${aesBits(aes)}`
  else if (strong) fact = 'strong encryption'
  else if ((flags & 0x2000) !== 0) fact = 'encrypted headers'
  else if ((flags & 1) !== 0) fact = 'traditional encryption'
  else if (extra.includes('iwpv') || extra.includes('iwph')) fact = 'iWork password'
  if (fact !== null) visit.note('encrypted', fact, entry.name)
  return fact !== null
}

const aesBits = (aes: Buffer | null): string => {
  const strength = aes !== null && aes.length >= 7 ? aes.readUInt8(4) : 0
  return strength >= 1 && strength <= 3 ? `-${[128, 192, 256][strength - 1]}` : ''
}

/** Programs differ on which header they believe, so headers that differ hide something from one of them. */
function compareHeaders(visit: Visit, local: Header, entry: Header): void {
  const described = (local.flags & 8) !== 0
  const differs =
    local.name !== entry.name ||
    local.method !== entry.method ||
    (!described && (local.packed !== entry.packed || local.size !== entry.size))
  if (!differs) return
  if (local.name !== entry.name) visit.member(local.name)
  visit.note('suspicious', 'its two headers contradict each other', entry.name)
}

function readContent(visit: Visit, entry: Header, packed: Buffer): void {
  if (entry.size === 0 && entry.name.endsWith('/')) {
    visit.member(entry.name)
    return
  }
  const content = unpackMember(visit, entry, packed)
  if (content === null) {
    visit.member(entry.name)
    visit.unread(`packed by method ${entry.method}`, entry.name)
    return
  }
  spendWork(visit.budget, content.length)
  if (content.length !== entry.size || crc32(content) !== entry.crc) {
    visit.note('suspicious', 'its content is not what the directory says', entry.name)
  }
  notePackageMember(visit, entry.name, content)
  visit.child(entry.name, content)
}

/** 4.4.5. Null where the method is not read here. */
function unpackMember(visit: Visit, entry: Header, packed: Buffer): Buffer | null {
  const { limits, budget } = visit
  if (entry.method === 0) return packed
  if (entry.method === 8) return unpack(packed, 'deflate', limits, budget)
  if (entry.method === 93) return unpack(packed, 'zstd', limits, budget)
  if (entry.method === 14 && entry.size <= limits.maxLzmaBytes)
    return unpackLzma(packed.subarray(9), packed.subarray(4, 9), entry.size, limits, budget)
  return null
}

/** What lies between the members that the directory lists. A stub in front is looked at as such, not here. */
function readGaps(visit: Visit, spans: [number, number][], start: number): void {
  spans.sort(([a], [b]) => a - b)
  let from = isLocal(visit.bytes, 0) ? 0 : (spans[0]?.[0] ?? start)
  for (const [at, end] of spans) {
    if (at > from) noteLooseMembers(visit, from, at)
    else if (at < from && end > at) visit.note('suspicious', 'its members overlap')
    from = Math.max(from, end)
  }
  if (start > from) noteLooseMembers(visit, from, start)
}

/** Members that no directory lists: their flags are read, and what they hold is not trusted to be all. */
function noteLooseMembers(visit: Visit, from: number, to: number): void {
  for (const { header, at } of looseMembers(visit, from, to)) {
    attempt(visit, header.name, () => {
      if (noteEncryption(visit, header, header)) return
      visit.note('suspicious', 'the directory does not list it', header.name)
      const packed = visit.bytes.subarray(header.end, header.packed > 0 ? header.end + header.packed : to)
      if (at < to && header.packed > 0) readContent(visit, header, packed)
      else visit.member(header.name)
    })
  }
}

function* looseMembers(visit: Visit, from: number, to: number): Generator<Member> {
  const { bytes } = visit
  spendWork(visit.budget, to - from)
  const signature = Buffer.from('PK\x03\x04', 'latin1')
  for (let at = bytes.indexOf(signature, from); at >= 0 && at < to; at = bytes.indexOf(signature, at + 4)) {
    if (!isLocal(bytes, at) || at + 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28) > bytes.length)
      continue
    spendItem(visit.budget)
    yield { header: readLocal(bytes, at), at }
  }
}

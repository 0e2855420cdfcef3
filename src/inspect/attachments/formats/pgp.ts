import { spendItem, spendWork } from '../budget.ts'
import { unpack } from '../codec/unpack.ts'
import { damaged } from '../failure.ts'
import type { Format, Part, Visit } from '../reader.ts'

/** RFC 9580, 5: packets. */
const TAG = {
  pkesk: 1,
  signature: 2,
  skesk: 3,
  onePass: 4,
  compressed: 8,
  encrypted: 9,
  literal: 11,
  marker: 10,
  seipd: 18,
  aead: 20,
}
const ENCRYPTING: ReadonlySet<number> = new Set([TAG.pkesk, TAG.skesk, TAG.encrypted, TAG.seipd, TAG.aead])
const PUBLIC_KEY_ALGORITHMS = new Set([1, 2, 16, 18, 21, 22, 25, 26, 35, 36])

interface Packet {
  readonly tag: number
  readonly from: number
  /** Where it, or its first piece, ends. */
  readonly to: number
  /** Its length is not written: it goes on to the end, or in pieces. */
  readonly isOpen: boolean
}

/** Binary OpenPGP messages. */
export const pgp: Format = {
  name: 'PGP message',
  matches: (bytes, part) => isPgp(bytes) || (isNamedPgp(part) && packetAt(bytes, 0) !== null),
  read: (visit) => {
    readFrom(visit, visit.bytes)
  },
}

/** Keys and signatures are packets too; only a name tells them from anything else. */
const isNamedPgp = ({ filename, declaredType }: Part): boolean =>
  /\.(?:pgp|gpg)$/iu.test(filename ?? '') || (declaredType ?? '').startsWith('application/pgp')

/** PGP/MIME (RFC 3156): the part that only says that the next one is encrypted. */
export const pgpMime: Format = {
  name: 'PGP/MIME message',
  matches: (_, { declaredType }) =>
    declaredType === 'application/pgp-encrypted' || declaredType === 'multipart/encrypted',
  read: (visit) => visit.note('encrypted', 'multipart/encrypted'),
}

/** A first packet that is plausible in every byte that can be checked: a single set bit would match any image. */
function isPgp(bytes: Buffer): boolean {
  const packet = packetAt(bytes, 0)
  if (packet === null) return false
  const version = bytes[packet.from] ?? 0
  const second = bytes[packet.from + 1] ?? 0
  if (packet.tag === TAG.marker) return bytes.toString('latin1', packet.from, packet.to) === 'PGP'
  if (packet.tag === TAG.pkesk) return isPublicKeySession(bytes, packet, version)
  if (packet.tag === TAG.skesk) return version >= 4 && version <= 6 && packet.to - packet.from <= 128 && second <= 64
  if (packet.tag === TAG.seipd)
    return (version === 1 || version === 2) && packet.to <= bytes.length && packet.to - packet.from > 20
  if (packet.tag === TAG.onePass) return version === 3 && packet.to - packet.from === 13
  return false
}

function isPublicKeySession(bytes: Buffer, packet: Packet, version: number): boolean {
  const length = packet.to - packet.from
  if (version === 3) return length >= 12 && length <= 4096 && PUBLIC_KEY_ALGORITHMS.has(bytes[packet.from + 9] ?? 0)
  return version === 6 && length >= 12 && length <= 8192
}

/** Reads packets of a binary file or of decoded armour until it is clear what they are. False where no packet stands at the start. */
export function readFrom(visit: Visit, bytes: Buffer): boolean {
  let at = 0
  while (at < bytes.length) {
    spendItem(visit.budget)
    const packet = packetAt(bytes, at)
    if (packet === null) {
      if (at === 0) return false
      damaged('one of its packets is damaged')
    }
    if (ENCRYPTING.has(packet.tag)) {
      visit.note('encrypted', packet.tag === TAG.skesk ? 'PGP passphrase' : 'PGP key')
      return true
    }
    if (packet.to > bytes.length) damaged('ends too early')
    const data = contentOf(bytes, packet)
    if (packet.tag === TAG.compressed) readCompressed(visit, data)
    if (packet.tag === TAG.literal) readLiteral(visit, data)
    if (packet.isOpen) return true
    at = packet.to
  }
  return true
}

/** 5.6: 1 is raw deflate, 2 is zlib, 3 is bzip2. */
function readCompressed(visit: Visit, data: Buffer): void {
  const algorithm = data.readUInt8(0)
  const packed = data.subarray(1)
  if (algorithm === 0) visit.child('PGP content', packed)
  else if (algorithm === 1) visit.child('PGP content.pgp', unpack(packed, 'deflate', visit.limits, visit.budget))
  else if (algorithm === 2) visit.child('PGP content.pgp', unpack(packed, 'zlib', visit.limits, visit.budget))
  else visit.unread('its packing is not read here')
}

/** 5.9: format, name, date, content. */
function readLiteral(visit: Visit, data: Buffer): void {
  const nameEnd = 2 + data.readUInt8(1)
  const name = data.toString('utf8', 2, nameEnd)
  visit.child(name === '' ? 'PGP content' : name, data.subarray(nameEnd + 4))
}

/** 4.2. Null where no packet can be. */
function packetAt(bytes: Buffer, at: number): Packet | null {
  const first = bytes[at] ?? 0
  const second = bytes[at + 1]
  if ((first & 0x80) === 0 || second === undefined) return null
  return (first & 0x40) === 0 ? oldPacket(bytes, at, first) : newPacket(bytes, at, first & 63)
}

function oldPacket(bytes: Buffer, at: number, first: number): Packet | null {
  const tag = (first >> 2) & 15
  const size = [1, 2, 4, 0][first & 3] ?? 0
  if (tag === 0 || at + 1 + size > bytes.length) return null
  const from = at + 1 + size
  if (size === 0) return { tag, from, to: bytes.length, isOpen: true }
  return { tag, from, to: from + bytes.readUIntBE(at + 1, size), isOpen: false }
}

function newPacket(bytes: Buffer, at: number, tag: number): Packet | null {
  const length = newLength(bytes, at + 1)
  if (tag === 0 || length === null) return null
  return { tag, from: length.at, to: length.at + length.size, isOpen: length.isPartial }
}

/** 4.2.1: one, two or five bytes; or a piece, whose size is a power of two. */
function newLength(bytes: Buffer, at: number): { at: number; size: number; isPartial: boolean } | null {
  const first = bytes[at] ?? 0
  if (at >= bytes.length) return null
  if (first < 192) return { at: at + 1, size: first, isPartial: false }
  if (first >= 224 && first < 255) return { at: at + 1, size: 2 ** (first & 31), isPartial: true }
  if (first < 224) {
    return at + 2 > bytes.length
      ? null
      : { at: at + 2, size: ((first - 192) << 8) + (bytes[at + 1] ?? 0) + 192, isPartial: false }
  }
  return at + 5 > bytes.length ? null : { at: at + 5, size: bytes.readUInt32BE(at + 1), isPartial: false }
}

/** The content, its pieces put together. */
function contentOf(bytes: Buffer, packet: Packet): Buffer {
  const isPieces = packet.isOpen && packet.to < bytes.length
  if (!isPieces) return bytes.subarray(packet.from, packet.to)
  const pieces = [bytes.subarray(packet.from, packet.to)]
  for (let at = packet.to; ; ) {
    const length = newLength(bytes, at) ?? damaged('ends too early')
    if (length.at + length.size > bytes.length) damaged('ends too early')
    pieces.push(bytes.subarray(length.at, length.at + length.size))
    at = length.at + length.size
    if (!length.isPartial) return Buffer.concat(pieces)
  }
}

const BEGIN = '-----BEGIN PGP MESSAGE'
const MOST_ARMOUR = 64
/** So much of an armoured message tells whether it is encrypted. */
const HEAD = 16 * 1024

/** Looks for armoured messages in text, also quoted and in HTML (RFC 9580, 6.2). */
export function readArmour(visit: Visit): void {
  const { bytes, budget } = visit
  spendWork(budget, bytes.length)
  let left = MOST_ARMOUR
  for (let at = bytes.indexOf(BEGIN); at >= 0 && left > 0; at = bytes.indexOf(BEGIN, at + BEGIN.length), left--) {
    const found = bytes.indexOf('-----END PGP MESSAGE', at)
    const end = found < 0 ? bytes.length : found
    spendWork(budget, end - at)
    readBlock(visit, at, end, found >= 0)
  }
}

function readBlock(visit: Visit, at: number, end: number, isWhole: boolean): void {
  const head = decodeArmour(visit, at, Math.min(end, at + HEAD))
  // the mere mention of such a line is no message
  if (head.length < 18) return
  visit.name('PGP message')
  const first = packetAt(head, 0)
  if (first !== null && ENCRYPTING.has(first.tag)) {
    readFrom(visit, head)
    return
  }
  const decoded = first === null ? head : decodeArmour(visit, at, end)
  if (!readFrom(visit, decoded)) visit.note('suspicious', 'a PGP message that cannot be read')
  else if (!isWhole) visit.note('suspicious', 'a PGP message that ends too early')
}

/** The bytes of what looks like base64 behind the first line. */
function decodeArmour({ bytes, budget }: Visit, at: number, end: number): Buffer {
  spendWork(budget, (end - at) * 40)
  const lines = bytes
    .toString('latin1', at, end)
    .replace(/<[^<>]{0,200}>/gu, '\n')
    .replace(/&#43;|&plus;/gu, '+')
    .split(/\r\n|[\r\n]/u)
    .map((line) => line.replace(/^[>|\s]+/u, '').trim())
    .slice(1)
  return Buffer.from(lines.filter((line) => /^[A-Za-z0-9+/]{4,}={0,2}$/u.test(line)).join(''), 'base64')
}

import { crc32 } from 'node:zlib'
import { spendWork } from '../budget.ts'
import { damaged, failureOf } from '../failure.ts'
import type { Format, Visit } from '../reader.ts'

const SIGNATURE = Buffer.from('526172211a070100', 'hex')
/** The format's own limit is two million bytes. */
const MOST_HEADER = 2 ** 21
const TYPE = { main: 1, file: 2, service: 3, encryption: 4, end: 5 } as const

/** RAR 5 archive format (rarlab.com/technote.htm): headers are read; contents only where they are stored. */
export const rar5: Format = {
  name: 'RAR archive',
  matches: (bytes) => bytes.subarray(0, 8).equals(SIGNATURE),
  read,
}

/** Whether a header whose checksum fits follows the signature here. */
export function isRar5At(bytes: Buffer, at: number): boolean {
  try {
    readHeader(bytes, at + SIGNATURE.length, 4096)
    return true
  } catch (error) {
    if (failureOf(error) === null) throw error
    return false
  }
}

/** Reads the variable-length integers of one header. */
class Fields {
  readonly #bytes: Buffer
  at: number
  readonly end: number

  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes
    this.at = at
    this.end = end
  }

  number(): number {
    let value = 0
    for (let i = 0; i < 10; i++) {
      const byte = this.take(1).readUInt8(0)
      value += (byte & 0x7f) * 2 ** (7 * i)
      if ((byte & 0x80) === 0) return Number.isSafeInteger(value) ? value : damaged('a length is impossible')
    }
    damaged('a length is impossible')
  }

  take(length: number): Buffer {
    const end = this.at + length
    if (end > this.end) damaged('one of its headers is damaged')
    const taken = this.#bytes.subarray(this.at, end)
    this.at = end
    return taken
  }
}

interface Header {
  readonly type: number
  readonly flags: number
  /** Of the fields that the type has. */
  readonly fields: Fields
  readonly extra: Buffer
  /** Where data begins and ends. */
  readonly dataAt: number
  readonly end: number
}

function readHeader(bytes: Buffer, at: number, most = MOST_HEADER): Header {
  const length = new Fields(bytes, at + 4, Math.min(at + 14, bytes.length))
  const size = length.number()
  const dataAt = length.at + size
  if (size === 0 || size > most || dataAt > bytes.length) damaged('ends too early')
  if (crc32(bytes.subarray(at + 4, dataAt)) !== bytes.readUInt32LE(at)) damaged('one of its headers is damaged')
  const head = new Fields(bytes, length.at, dataAt)
  const type = head.number()
  const flags = head.number()
  const extraSize = (flags & 1) !== 0 ? head.number() : 0
  const dataSize = (flags & 2) !== 0 ? head.number() : 0
  const extraAt = dataAt - extraSize
  if (extraAt < head.at) damaged('one of its headers is damaged')
  const fields = new Fields(bytes, head.at, extraAt)
  return { type, flags, fields, extra: bytes.subarray(extraAt, dataAt), dataAt, end: dataAt + dataSize }
}

function read(visit: Visit): void {
  const { bytes } = visit
  for (let at = SIGNATURE.length; at < bytes.length; ) {
    const header = readHeader(bytes, at)
    spendWork(visit.budget, header.dataAt - at + 100)
    if (header.type === TYPE.encryption) {
      visit.note('encrypted', 'encrypted headers, with the names of its files')
      return
    }
    if (header.type === TYPE.file || header.type === TYPE.service) readFile(visit, header)
    else if (header.type === TYPE.main || header.type === TYPE.end) noteVolume(visit, header.fields.number())
    if (header.type === TYPE.end) return
    if (header.end > bytes.length) damaged('ends too early')
    at = header.end
  }
  damaged('ends too early')
}

function noteVolume(visit: Visit, flags: number): void {
  if ((flags & 1) !== 0) visit.note('suspicious', 'one volume of several')
}

function readFile(visit: Visit, { type, flags, fields, extra, dataAt, end }: Header): void {
  const fileFlags = fields.number()
  fields.number()
  fields.number()
  fields.take(((fileFlags & 2) !== 0 ? 4 : 0) + ((fileFlags & 4) !== 0 ? 4 : 0))
  const method = (fields.number() >> 7) & 7
  fields.number()
  const name = fields.take(fields.number()).toString('utf8')
  const isEncrypted = hasEncryption(extra)
  if (isEncrypted) visit.note('encrypted', 'RAR password (AES-256)', name)
  if (end > visit.bytes.length) damaged('ends too early')
  if ((flags & 0x18) !== 0) visit.note('suspicious', 'one volume of several', name)
  const isFolder = (fileFlags & 1) !== 0
  if (isEncrypted || type === TYPE.service || isFolder) visit.member(name)
  else if (method === 0) visit.child(name, visit.bytes.subarray(dataAt, end))
  else {
    visit.member(name)
    visit.unread('packed by RAR', name)
  }
}

/** An extra record of type 1: the file's data is encrypted. */
function hasEncryption(extra: Buffer): boolean {
  const fields = new Fields(extra, 0, extra.length)
  while (fields.at < fields.end) {
    const size = fields.number()
    const next = fields.at + size
    if (fields.number() === 1) return true
    if (next > fields.end) damaged('one of its headers is damaged')
    fields.at = next
  }
  return false
}

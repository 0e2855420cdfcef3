import { crc32 } from 'node:zlib'
import { attempt } from '../attempt.ts'
import { spendWork } from '../budget.ts'
import { unpackLzma, unpackLzma2 } from '../codec/lzma-streams.ts'
import { unpack } from '../codec/unpack.ts'
import { damaged } from '../failure.ts'
import type { Format, Visit } from '../reader.ts'
import {
  type Coder,
  type Folder,
  HeaderReader,
  ID,
  readFiles,
  readStreams,
  type Streams,
  sizeOf,
} from './sevenzip-header.ts'
import { u64 } from './zip-records.ts'

const SIGNATURE = Buffer.from('377abcaf271c', 'hex')
const START = 32
const AES = '06f10701'
const SLOW = new Set(['030101', '21'])
/** Filters that change only addresses in programs, or nothing that matters for telling formats: left as they are. */
const FILTERS = new Set(['03', '04', '03030103', '05', '06', '07', '08', '09', '0a', '0b'])

/** 7-Zip's own format: LZMA, LZMA2, Deflate and plain contents are unpacked; what else it holds is judged by its header. */
export const sevenZip: Format = {
  name: '7z archive',
  matches: (bytes) => bytes.subarray(0, 6).equals(SIGNATURE),
  read,
}

/** Whether a start header whose checksum fits stands here. */
export function isSevenZipAt(bytes: Buffer, at: number): boolean {
  return at + START <= bytes.length && bytes.readUInt32LE(at + 8) === crc32(bytes.subarray(at + 12, at + START))
}

function read(visit: Visit): void {
  const { bytes } = visit
  if (!isSevenZipAt(bytes, 0)) damaged('its header is damaged')
  const at = START + u64(bytes, 12)
  const size = u64(bytes, 20)
  if (size === 0) return
  if (at + size > bytes.length) damaged('ends too early')
  const header = bytes.subarray(at, at + size)
  spendWork(visit.budget, size)
  if (crc32(header) !== bytes.readUInt32LE(28)) damaged('its header is damaged')
  const plain = plainHeader(visit, header)
  if (plain !== null) readHeader(visit, plain)
}

/** Unpacks headers that are packed. Null where one is encrypted, which is noted, or packed in a way not read here. */
function plainHeader(visit: Visit, header: Buffer): Buffer | null {
  let current = header
  for (let depth = 0; current.readUInt8(0) === ID.encodedHeader; depth++) {
    if (depth === 4) damaged('its header is packed too often')
    const reader = new HeaderReader(current, visit.budget)
    reader.byte()
    const streams = readStreams(reader)
    const folder = streams.folders[0] ?? damaged('its header is damaged')
    if (noteAes(visit, folder, 'encrypted header, with the names of its files')) return null
    const unpacked = unpackFolder(visit, streams, folder, 0)
    if (unpacked === null) damaged('its header is packed in a way that is not read here')
    if (folder.crc !== null && crc32(unpacked) !== folder.crc) damaged('its header is damaged')
    current = unpacked
  }
  return current
}

function noteAes(visit: Visit, folder: Folder, fact: string, member?: string): boolean {
  const isEncrypted = folder.coders.some(({ method }) => method === AES)
  if (isEncrypted) visit.note('encrypted', fact, member)
  return isEncrypted
}

function readHeader(visit: Visit, header: Buffer): void {
  const reader = new HeaderReader(header, visit.budget)
  reader.expect(ID.header)
  let streams: Streams = { packPosition: 0, packSizes: [], folders: [], files: [] }
  let files: { name: string; isEmpty: boolean }[] = []
  for (let id = reader.byte(); id !== ID.end; id = reader.byte()) {
    if (id === ID.mainStreams) streams = readStreams(reader)
    else if (id === ID.files) files = readFiles(reader)
    else damaged('its header is damaged')
  }
  for (const { name, isEmpty } of files) if (isEmpty) visit.member(name)
  readFolders(
    visit,
    streams,
    files.filter(({ isEmpty }) => !isEmpty).map(({ name }) => name),
  )
}

function readFolders(visit: Visit, streams: Streams, names: readonly string[]): void {
  let firstName = 0
  let firstPack = 0
  for (const [i, folder] of streams.folders.entries()) {
    const sizes = streams.files[i] ?? []
    const members = sizes.map((size, n) => ({ name: names[firstName + n] ?? `file ${firstName + n + 1}`, size }))
    readFolder(visit, streams, folder, firstPack, members)
    firstName += sizes.length
    firstPack += folder.packed
  }
}

interface Member {
  readonly name: string
  readonly size: number
}

function readFolder(
  visit: Visit,
  streams: Streams,
  folder: Folder,
  firstPack: number,
  members: readonly Member[],
): void {
  const first = members[0]?.name ?? 'empty'
  if (noteAes(visit, folder, 'AES-256', first)) {
    nameAll(visit, members)
    return
  }
  attempt(visit, first, () => {
    const isSlow = sizeOf(folder) > visit.limits.maxLzmaBytes && folder.coders.some(({ method }) => SLOW.has(method))
    const content = isSlow ? null : unpackFolder(visit, streams, folder, firstPack)
    if (content === null) {
      nameAll(visit, members)
      return visit.unread(`packed by ${folder.coders.map(({ method }) => method).join(', ')}`, first)
    }
    if (folder.crc !== null && !isFiltered(folder) && crc32(content) !== folder.crc) damaged('its content is damaged')
    let at = 0
    for (const { name, size } of members) {
      visit.child(name, content.subarray(at, at + size))
      at += size
    }
  })
}

function nameAll(visit: Visit, members: readonly Member[]): void {
  for (const { name } of members) visit.member(name)
}

const isFiltered = (folder: Folder): boolean => folder.coders.some(({ method }) => FILTERS.has(method))

/** What comes out of a chain of simple coders, filters left out; null where one of them is not read here. */
function unpackFolder(visit: Visit, streams: Streams, folder: Folder, firstPack: number): Buffer | null {
  const { coders, binds } = folder
  if (coders.some(({ ins, outs }) => ins !== 1 || outs !== 1)) return null
  const before = streams.packSizes.slice(0, firstPack).reduce((sum, size) => sum + size, 0)
  const at = START + streams.packPosition + before
  const size = streams.packSizes[firstPack] ?? damaged('its header is damaged')
  if (at + size > visit.bytes.length) damaged('ends too early')
  let data = visit.bytes.subarray(at, at + size)
  for (const index of chainOf(coders.length, binds)) {
    const coder = coders[index]
    const next = coder === undefined ? null : unpackCoder(visit, coder, data, folder.sizes[index] ?? 0)
    if (next === null) return null
    data = next
  }
  return data.length >= sizeOf(folder) ? data : damaged('packed data ends too early')
}

/** Coders in the order in which data passes them: from the one that takes packed bytes. */
function chainOf(count: number, binds: Folder['binds']): number[] {
  const taken = new Set(binds.map(({ to }) => to))
  const order: number[] = []
  let next = Array.from({ length: count }, (_, i) => i).find((i) => !taken.has(i))
  while (next !== undefined && order.length < count) {
    const current: number = next
    order.push(current)
    next = binds.find(({ from }) => from === current)?.to
  }
  return order.length === count ? order : damaged('its header is damaged')
}

function unpackCoder(visit: Visit, { method, properties }: Coder, data: Buffer, size: number): Buffer | null {
  const { limits, budget } = visit
  if (method === '00' || FILTERS.has(method)) return data
  if (method === '030101') return unpackLzma(data, properties, size, limits, budget)
  if (method === '21') return unpackLzma2(data, size, limits, budget).out
  if (method === '040108') return unpack(data, 'deflate', limits, budget)
  return null
}

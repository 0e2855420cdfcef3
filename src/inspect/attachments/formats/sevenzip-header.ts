import { type Budget, spendWork } from '../budget.ts'
import { damaged, Exhausted } from '../failure.ts'

/** 7zFormat.txt (7-Zip's documentation): the properties of a header. */
export const ID = {
  end: 0,
  header: 1,
  mainStreams: 4,
  files: 5,
  packInfo: 6,
  unpackInfo: 7,
  subStreams: 8,
  size: 9,
  crc: 10,
  folder: 11,
  unpackSize: 12,
  numUnpackStream: 13,
  emptyStream: 14,
  names: 17,
  encodedHeader: 23,
} as const

export interface Coder {
  /** Hexadecimal, in lower case. */
  readonly method: string
  readonly properties: Buffer
  readonly ins: number
  readonly outs: number
}

export interface Folder {
  readonly coders: readonly Coder[]
  readonly binds: readonly { readonly from: number; readonly to: number }[]
  /** How many packed streams it takes. */
  readonly packed: number
  /** Unpacked sizes of its coders' outputs. */
  sizes: number[]
  crc: number | null
}

export interface Streams {
  readonly packPosition: number
  readonly packSizes: readonly number[]
  readonly folders: readonly Folder[]
  /** Sizes of the files in each folder. */
  readonly files: readonly (readonly number[])[]
}

/** Reads numbers and bits of a header; each number read costs work, each count is bounded by what is there. */
export class HeaderReader {
  readonly bytes: Buffer
  readonly budget: Budget
  at = 0

  constructor(bytes: Buffer, budget: Budget) {
    this.bytes = bytes
    this.budget = budget
  }

  byte(): number {
    return this.bytes.readUInt8(this.at++)
  }

  take(length: number): Buffer {
    const end = this.at + length
    if (end > this.bytes.length) damaged('ends too early')
    const taken = this.bytes.subarray(this.at, end)
    this.at = end
    return taken
  }

  /** The packed form of a 64-bit number: ones in front of the first byte say how many bytes follow. */
  number(): number {
    spendWork(this.budget, 10)
    const first = this.byte()
    let value = 0
    for (let i = 0, mask = 0x80; i < 8; i++, mask >>= 1) {
      if ((first & mask) === 0) return safe(value + (first & (mask - 1)) * 2 ** (8 * i))
      value += this.byte() * 2 ** (8 * i)
    }
    return safe(value)
  }

  /** A number of things, never more than may be looked at. Throws Exhausted. */
  count(): number {
    const value = this.number()
    if (value > this.budget.itemsLeft) throw new Exhausted('has more members than are allowed')
    return value
  }

  expect(id: number): void {
    if (this.byte() !== id) damaged('its header is damaged')
  }

  bits(count: number): boolean[] {
    const packed = this.take(Math.ceil(count / 8))
    return Array.from({ length: count }, (_, i) => (((packed[i >> 3] ?? 0) << (i & 7)) & 0x80) !== 0)
  }

  /** Bits, with a byte in front that says that all are set. */
  optionalBits(count: number): boolean[] {
    return this.byte() === 0 ? this.bits(count) : new Array(count).fill(true)
  }

  digests(count: number): (number | null)[] {
    return this.optionalBits(count).map((defined) => (defined ? this.take(4).readUInt32LE(0) : null))
  }
}

function safe(value: number): number {
  return Number.isSafeInteger(value) ? value : damaged('a length is impossible')
}

/** StreamsInfo: where packed streams lie, what unpacks them, and which files come out. */
export function readStreams(reader: HeaderReader): Streams {
  let pack = { position: 0, sizes: [] as number[] }
  let folders: Folder[] = []
  let files: number[][] | null = null
  for (let id = reader.byte(); id !== ID.end; id = reader.byte()) {
    if (id === ID.packInfo) pack = readPackInfo(reader)
    else if (id === ID.unpackInfo) folders = readUnpackInfo(reader)
    else if (id === ID.subStreams) files = readSubStreams(reader, folders)
    else damaged('its header is damaged')
  }
  return {
    packPosition: pack.position,
    packSizes: pack.sizes,
    folders,
    files: files ?? folders.map((folder) => [sizeOf(folder)]),
  }
}

function readPackInfo(reader: HeaderReader): { position: number; sizes: number[] } {
  const position = reader.number()
  const count = reader.count()
  let sizes: number[] = []
  for (let id = reader.byte(); id !== ID.end; id = reader.byte()) {
    if (id === ID.size) sizes = Array.from({ length: count }, () => reader.number())
    else if (id === ID.crc) reader.digests(count)
    else damaged('its header is damaged')
  }
  return { position, sizes }
}

function readUnpackInfo(reader: HeaderReader): Folder[] {
  reader.expect(ID.folder)
  const count = reader.count()
  if (reader.byte() !== 0) damaged('its header is damaged')
  const folders = Array.from({ length: count }, () => readFolder(reader))
  reader.expect(ID.unpackSize)
  for (const folder of folders) {
    const outs = folder.coders.reduce((sum, coder) => sum + coder.outs, 0)
    folder.sizes = Array.from({ length: outs }, () => reader.number())
  }
  for (let id = reader.byte(); id !== ID.end; id = reader.byte()) {
    if (id !== ID.crc) damaged('its header is damaged')
    for (const [i, crc] of reader.digests(count).entries()) setCrc(folders[i], crc)
  }
  return folders
}

function setCrc(folder: Folder | undefined, crc: number | null): void {
  if (folder !== undefined) folder.crc = crc
}

function readFolder(reader: HeaderReader): Folder {
  spendWork(reader.budget, 200)
  const count = reader.number()
  if (count < 1 || count > 32) damaged('its header is damaged')
  const coders = Array.from({ length: count }, () => readCoder(reader))
  const ins = coders.reduce((sum, coder) => sum + coder.ins, 0)
  const outs = coders.reduce((sum, coder) => sum + coder.outs, 0)
  if (ins > 64 || outs > 64 || ins < outs - 1) damaged('its header is damaged')
  const binds = Array.from({ length: outs - 1 }, () => ({ to: reader.number(), from: reader.number() }))
  const packed = ins - binds.length
  if (packed > 1) for (let i = 0; i < packed; i++) reader.number()
  return { coders, binds, packed, sizes: [], crc: null }
}

function readCoder(reader: HeaderReader): Coder {
  const flags = reader.byte()
  const method = reader.take(flags & 15).toString('hex')
  const isComplex = (flags & 0x10) !== 0
  const ins = isComplex ? reader.number() : 1
  const outs = isComplex ? reader.number() : 1
  const properties = (flags & 0x20) !== 0 ? reader.take(reader.number()) : Buffer.alloc(0)
  if ((flags & 0xc0) !== 0) damaged('its header is damaged')
  return { method, properties, ins, outs }
}

/** The size of what finally comes out of a folder: the output that no other coder takes. */
export function sizeOf(folder: Folder): number {
  const last = folder.sizes.findIndex((_, out) => !folder.binds.some(({ from }) => from === out))
  return folder.sizes[last] ?? 0
}

function readSubStreams(reader: HeaderReader, folders: readonly Folder[]): number[][] {
  let counts = folders.map(() => 1)
  let id = reader.byte()
  if (id === ID.numUnpackStream) {
    counts = folders.map(() => reader.count())
    id = reader.byte()
  }
  const sizes = folders.map((folder, i) => fileSizes(reader, folder, counts[i] ?? 0, id === ID.size))
  if (id === ID.size) id = reader.byte()
  const unknown = folders.reduce(
    (sum, folder, i) => sum + (counts[i] === 1 && folder.crc !== null ? 0 : (counts[i] ?? 0)),
    0,
  )
  for (; id !== ID.end; id = reader.byte()) {
    if (id !== ID.crc) damaged('its header is damaged')
    reader.digests(unknown)
  }
  return sizes
}

/** All sizes but the last of each folder are written; the last is what is left. */
function fileSizes(reader: HeaderReader, folder: Folder, count: number, written: boolean): number[] {
  if (count === 0) return []
  const sizes = Array.from({ length: written ? count - 1 : 0 }, () => reader.number())
  const last = sizeOf(folder) - sizes.reduce((sum, size) => sum + size, 0)
  if (last < 0 || (!written && count > 1)) damaged('its header is damaged')
  return [...sizes, last]
}

/** FilesInfo: names in order, and which of the files have no content. */
export function readFiles(reader: HeaderReader): { name: string; isEmpty: boolean }[] {
  const count = reader.count()
  let names: string[] = []
  let empty: boolean[] = []
  for (let id = reader.number(); id !== ID.end; id = reader.number()) {
    const property = new HeaderReader(reader.take(reader.number()), reader.budget)
    if (id === ID.emptyStream) empty = property.bits(count)
    if (id === ID.names && property.byte() === 0) names = readNames(property, count)
  }
  return Array.from({ length: count }, (_, i) => ({ name: names[i] ?? `file ${i + 1}`, isEmpty: empty[i] ?? false }))
}

function readNames(reader: HeaderReader, count: number): string[] {
  const text = reader.take((reader.bytes.length - reader.at) & ~1)
  spendWork(reader.budget, text.length * 2)
  return text.toString('utf16le').split('\0').slice(0, count)
}

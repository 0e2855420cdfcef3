import type { Pages } from './pages.ts'

/** Records of SQLite's b-trees (https://www.sqlite.org/fileformat2.html#record_format). Everything throws on nonsense. */

export type Value = number | string | Buffer | null

export interface Row {
  /** Null in trees of `WITHOUT ROWID` tables and of indexes. */
  readonly rowid: number | null
  readonly values: readonly Value[]
}

const LEAF_TABLE = 0x0d
const LEAF_INDEX = 0x0a
const INSIDE_INDEX = 0x02
const MOST_PAYLOAD = 1 << 30

/** The rows that a page holds. What of it makes no sense is left out, and counted. */
export function rowsOf(pages: Pages, page: number): { readonly rows: Row[]; readonly bad: number } {
  const bytes = pages.read(page)
  const at = page === 1 ? 100 : 0
  const kind = bytes?.[at]
  if (bytes === null || (kind !== LEAF_TABLE && kind !== LEAF_INDEX && kind !== INSIDE_INDEX))
    return { rows: [], bad: 0 }
  const cells = bytes.readUInt16BE(at + 3)
  const first = at + (kind === INSIDE_INDEX ? 12 : 8)
  const rows: Row[] = []
  let bad = 0
  // A cell's pointer takes two bytes, and the cell at least four
  for (let i = 0; i < Math.min(cells, bytes.length / 6); i++) {
    try {
      rows.push(readCell(pages, bytes, bytes.readUInt16BE(first + 2 * i), kind))
    } catch {
      bad++
    }
  }
  return { rows, bad }
}

function readCell(pages: Pages, bytes: Buffer, start: number, kind: number): Row {
  if (start < 8) throw new RangeError('a cell in the head of its page')
  const [size, at] = varint(bytes, kind === INSIDE_INDEX ? start + 4 : start)
  if (size > MOST_PAYLOAD) throw new RangeError('a row larger than any')
  if (kind !== LEAF_TABLE) return { rowid: null, values: readRecord(payload(pages, bytes, at, size, false)) }
  const [rowid, from] = varint(bytes, at)
  return { rowid, values: readRecord(payload(pages, bytes, from, size, true)) }
}

/** What does not fit on a page goes on in a chain of others. */
function payload(pages: Pages, bytes: Buffer, at: number, size: number, isTable: boolean): Buffer {
  const usable = pages.pageBytes
  const most = isTable ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23
  if (size <= most) return slice(bytes, at, size)
  const least = Math.floor(((usable - 12) * 32) / 255) - 23
  const even = least + ((size - least) % (usable - 4))
  const local = even <= most ? even : least
  const parts = [slice(bytes, at, local)]
  let next = slice(bytes, at + local, 4).readUInt32BE(0)
  for (let left = size - local; left > 0; ) {
    const more = next === 0 ? null : pages.read(next)
    if (more === null) throw new RangeError('a row that ends before its end')
    const part = more.subarray(4, 4 + Math.min(left, usable - 4))
    parts.push(part)
    left -= part.length
    next = more.readUInt32BE(0)
  }
  return Buffer.concat(parts)
}

function slice(bytes: Buffer, at: number, size: number): Buffer {
  if (at + size > bytes.length) throw new RangeError('a row that leaves its page')
  return bytes.subarray(at, at + size)
}

function varint(bytes: Buffer, at: number): [value: number, next: number] {
  let value = 0
  for (let i = 0; i < 8; i++) {
    const byte = bytes.readUInt8(at + i)
    value = value * 128 + (byte & 0x7f)
    if (byte < 128) return [safe(value), at + i + 1]
  }
  return [safe(value * 256 + bytes.readUInt8(at + 8)), at + 9]
}

function safe(value: number): number {
  if (!Number.isSafeInteger(value)) throw new RangeError('a number out of range')
  return value
}

function readRecord(bytes: Buffer): Value[] {
  const [headSize, first] = varint(bytes, 0)
  if (headSize > bytes.length) throw new RangeError('a head longer than its row')
  const values: Value[] = []
  let body = headSize
  for (let at = first; at < headSize; ) {
    const [type, next] = varint(bytes, at)
    const [value, size] = readValue(bytes, body, type)
    values.push(value)
    body += size
    at = next
  }
  if (body !== bytes.length) throw new RangeError('a row of another length')
  return values
}

const INTEGERS = [0, 1, 2, 3, 4, 6, 8] as const

function readValue(bytes: Buffer, at: number, type: number): [value: Value, size: number] {
  if (type === 0) return [null, 0]
  if (type === 8 || type === 9) return [type - 8, 0]
  const size = INTEGERS[type]
  if (size !== undefined) return [readInteger(bytes, at, size), size]
  if (type < 12) throw new RangeError('a value of no kind that we store')
  const length = (type - 12) >> 1
  const found = slice(bytes, at, length)
  return [type % 2 === 0 ? found : found.toString(), length]
}

function readInteger(bytes: Buffer, at: number, size: number): number {
  return size === 8 ? safe(Number(bytes.readBigInt64BE(at))) : bytes.readIntBE(at, size)
}

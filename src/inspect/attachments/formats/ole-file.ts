import { type Budget, spendItem, spendWork } from '../budget.ts'
import { damaged } from '../failure.ts'

/** MS-CFB, Compound File Binary. */
const MAGIC = Buffer.from('d0cf11e0a1b11ae1', 'hex')
const LAST = 0xfffffffa
const NO_STREAM = 0xffffffff
const TYPE = { storage: 1, stream: 2, root: 5 } as const
const MINI_CUTOFF = 4096
const MINI_SECTOR = 64

export interface OleEntry {
  readonly name: string
  readonly type: number
  /** Names of the storages that it lies in, the root left out. */
  readonly parents: readonly string[]
  readonly start: number
  readonly size: number
  readonly clsid: string
}

export const isOle = (bytes: Buffer): boolean => bytes.subarray(0, 8).equals(MAGIC)

/** A compound file: its entries, and the bytes of its streams. Throws Damaged, RangeError, Exhausted. */
export class OleFile {
  readonly root: OleEntry
  readonly entries: readonly OleEntry[]
  readonly streams: readonly OleEntry[]
  readonly storages: readonly OleEntry[]
  readonly #byPath: ReadonlyMap<string, OleEntry>
  readonly #bytes: Buffer
  readonly #budget: Budget
  readonly #sector: number
  readonly #fat: Uint32Array
  readonly #miniFat: Uint32Array
  readonly #mini: Buffer

  constructor(bytes: Buffer, budget: Budget) {
    const shift = bytes.readUInt16LE(30)
    if (shift !== 9 && shift !== 12) damaged('its header is damaged')
    this.#bytes = bytes
    this.#budget = budget
    this.#sector = 2 ** shift
    this.#fat = this.#readFat()
    const directory = this.#chain(bytes.readUInt32LE(48))
    const { root, entries } = readDirectory(directory, budget)
    this.root = root
    this.entries = entries
    this.streams = entries.filter(({ type }) => type === TYPE.stream)
    this.storages = entries.filter(({ type }) => type === TYPE.storage)
    this.#byPath = new Map(this.streams.toReversed().map((entry) => [pathOf(entry.parents, entry.name), entry]))
    this.#miniFat = toWords(this.#chain(bytes.readUInt32LE(60)))
    this.#mini = root.size > 0 ? this.#chain(root.start, root.size) : Buffer.alloc(0)
  }

  /** The first stream of that name (case does not count) in the storage with these parents. */
  find(name: string, parents: readonly string[] = []): OleEntry | undefined {
    return this.#byPath.get(pathOf(parents, name))
  }

  /** All bytes of a stream. Damaged where it ends too early. */
  read(entry: OleEntry): Buffer {
    if (entry.size === 0) return Buffer.alloc(0)
    return entry.size < MINI_CUTOFF ? this.#miniChain(entry.start, entry.size) : this.#chain(entry.start, entry.size)
  }

  /** MS-CFB 2.5: the first 109 sectors of the FAT stand in the header, the others in sectors of their own. */
  #readFat(): Uint32Array {
    const bytes = this.#bytes
    const count = bytes.readUInt32LE(44)
    if (count * this.#sector > bytes.length + this.#sector) damaged('its sectors are damaged')
    const numbers: number[] = []
    for (let at = 76; at < 512 && numbers.length < count; at += 4) numbers.push(bytes.readUInt32LE(at))
    let next = bytes.readUInt32LE(68)
    while (numbers.length < count && next < LAST) {
      spendWork(this.#budget, this.#sector)
      const sector = this.#sectorAt(next)
      const words = toWords(sector)
      numbers.push(...words.subarray(0, Math.min(words.length - 1, count - numbers.length)))
      next = words.at(-1) ?? LAST
    }
    const sectors = numbers.filter((number) => number < LAST).map((number) => this.#sectorAt(number))
    spendWork(this.#budget, sectors.length * this.#sector)
    return toWords(Buffer.concat(sectors))
  }

  #sectorAt(number: number): Buffer {
    const at = (number + 1) * this.#sector
    if (at >= this.#bytes.length) damaged('ends too early')
    return this.#bytes.subarray(at, at + this.#sector)
  }

  /** The sectors of a chain, as far as `size`. The last sector of a file may be short. */
  #chain(start: number, size = Number.POSITIVE_INFINITY): Buffer {
    const parts: Buffer[] = []
    let length = 0
    const most = Math.ceil(this.#bytes.length / this.#sector) + 1
    for (let next = start; next < LAST && length < size; next = this.#fat[next] ?? damaged('its sectors are damaged')) {
      if (parts.length > most) damaged('its sectors run in a circle')
      const sector = this.#sectorAt(next)
      parts.push(sector)
      length += sector.length
    }
    spendWork(this.#budget, length + parts.length * 10)
    if (size === Number.POSITIVE_INFINITY) return Buffer.concat(parts)
    return length >= size ? Buffer.concat(parts, size) : damaged('ends too early')
  }

  #miniChain(start: number, size: number): Buffer {
    const parts: Buffer[] = []
    let next = start
    for (let length = 0; length < size; length += MINI_SECTOR) {
      const at = next * MINI_SECTOR
      if (next >= LAST || at >= this.#mini.length) damaged('ends too early')
      parts.push(this.#mini.subarray(at, at + MINI_SECTOR))
      next = this.#miniFat[next] ?? damaged('its sectors are damaged')
    }
    spendWork(this.#budget, size + parts.length * 10)
    const whole = Buffer.concat(parts)
    return whole.length >= size ? whole.subarray(0, size) : damaged('ends too early')
  }
}

const pathOf = (parents: readonly string[], name: string): string => [...parents, name].join('/').toLowerCase()

function toWords(bytes: Buffer): Uint32Array {
  return Uint32Array.from({ length: bytes.length >> 2 }, (_, i) => bytes.readUInt32LE(i * 4))
}

/** The tree of siblings and children, walked without trust: each entry once. */
function readDirectory(directory: Buffer, budget: Budget): { root: OleEntry; entries: OleEntry[] } {
  const entries: OleEntry[] = []
  const root = readEntry(directory, 0, [])
  if (root.type !== TYPE.root) damaged('its directory is damaged')
  const seen = new Set<number>([0])
  const todo: { id: number; parents: readonly string[] }[] = [{ id: directory.readUInt32LE(76), parents: [] }]
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { id, parents } = next
    if (id === NO_STREAM) continue
    if (seen.has(id) || parents.length > 32) damaged('its directory is damaged')
    seen.add(id)
    spendItem(budget)
    const at = id * 128
    const entry = readEntry(directory, at, parents)
    entries.push(entry)
    todo.push({ id: directory.readUInt32LE(at + 68), parents }, { id: directory.readUInt32LE(at + 72), parents })
    if (entry.type === TYPE.storage) {
      todo.push({ id: directory.readUInt32LE(at + 76), parents: [...parents, entry.name] })
    }
  }
  return { root, entries }
}

function readEntry(directory: Buffer, at: number, parents: readonly string[]): OleEntry {
  const length = Math.min(64, directory.readUInt16LE(at + 64))
  return {
    name: directory.toString('utf16le', at, at + Math.max(0, (length & ~1) - 2)),
    type: directory.readUInt8(at + 66),
    parents,
    start: directory.readUInt32LE(at + 116),
    size: directory.readUInt32LE(at + 120),
    clsid: directory.toString('hex', at + 80, at + 96),
  }
}

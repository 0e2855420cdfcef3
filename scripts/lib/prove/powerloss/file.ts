import type { Random } from '../random.ts'

/** A change that was made and not synced since. */
type Change =
  | { readonly at: number; readonly offset: number; readonly data: Buffer }
  | { readonly at: number; readonly length: number }

/** How much of what was not synced is on the disk: nothing, everything, whole writes here and there, or blocks of them. */
export type Luck = 'none' | 'all' | 'some' | 'torn'

const SECTOR = 512
const PAGE = 4096

/** A file as a disk has it: what was synced for sure, and what may or may not be there. */
export class DiskFile {
  #synced: Buffer = Buffer.alloc(0)
  #length = 0
  #pending: Change[] = []

  write(at: number, offset: number, data: Buffer): void {
    this.#pending.push({ at, offset, data })
  }

  cut(at: number, length: number): void {
    this.#pending.push({ at, length })
  }

  /** Everything before `began` is on stable storage. */
  sync(began: number): void {
    const image = new Image(this.#synced, this.#length)
    for (const change of this.#pending) if (change.at < began) image.apply(change)
    this.#pending = this.#pending.filter(({ at }) => at >= began)
    this.#synced = image.bytes
    this.#length = image.length
  }

  /** As the running system sees it. */
  get now(): Buffer {
    const image = new Image(Buffer.from(this.#synced.subarray(0, this.#length)), this.#length)
    for (const change of this.#pending) image.apply(change)
    return image.result
  }

  /** What may be found of it after the power failed now. */
  afterPowerLoss(luck: Luck, random: Random): Buffer {
    const image = new Image(Buffer.from(this.#synced.subarray(0, this.#length)), this.#length)
    if (luck === 'none') return image.result
    for (const change of this.#pending) {
      if (luck === 'all' || (luck === 'some' && random.chance(0.5))) image.apply(change)
      else if (luck === 'torn') tear(image, change, this.#length, random)
    }
    return image.result
  }
}

/** Some blocks of a write reach the disk. Where a file got longer, the others are zero or hold what lay there before. */
function tear(image: Image, change: Change, synced: number, random: Random): void {
  if ('length' in change) {
    if (random.chance(0.5)) image.apply(change)
    return
  }
  const { offset, data } = change
  const block = random.chance(0.5) ? SECTOR : PAGE
  const [share, stale, keepsLength] = [random.pick([0.1, 0.5, 0.9]), random.chance(0.5), random.chance(0.5)]
  for (let from = offset; from < offset + data.length; ) {
    const to = Math.min(offset + data.length, (Math.floor(from / block) + 1) * block)
    const piece = data.subarray(from - offset, to - offset)
    if (random.chance(share)) image.put(from, piece)
    else if (from >= synced && keepsLength)
      image.put(from, stale ? rubbish(piece.length, random) : Buffer.alloc(piece.length))
    from = to
  }
}

function rubbish(length: number, random: Random): Buffer {
  const byte = random.below(256)
  return Buffer.alloc(length, Buffer.from([byte, random.below(256), byte ^ 0x5a]))
}

/** Bytes that grow and shrink like a file. */
class Image {
  bytes: Buffer
  length: number

  constructor(bytes: Buffer, length: number) {
    this.bytes = bytes
    this.length = length
  }

  get result(): Buffer {
    return this.bytes.subarray(0, this.length)
  }

  apply(change: Change): void {
    if ('data' in change) this.put(change.offset, change.data)
    else this.#resize(change.length)
  }

  put(offset: number, data: Buffer): void {
    if (offset + data.length > this.length) this.#resize(offset + data.length)
    data.copy(this.bytes, offset)
  }

  #resize(length: number): void {
    if (length > this.bytes.length) {
      const larger = Buffer.alloc(Math.max(length, this.bytes.length * 2, PAGE))
      this.bytes.copy(larger, 0, 0, this.length)
      this.bytes = larger
    } else if (length > this.length) this.bytes.fill(0, this.length, length)
    this.length = length
  }
}

import { type Budget, spendWork } from '../budget.ts'
import { damaged } from '../failure.ts'

/** One element of BER (X.690). */
export interface Element {
  /** The identifier octet: class, constructed bit, number. */
  readonly tag: number
  /** Where its content begins and ends; the end of the data for one that ends too early. */
  readonly from: number
  readonly to: number
  /** Where the next element begins. */
  readonly next: number
  /** Its end was not found: the data ends too early. */
  readonly isCut: boolean
}

export const SEQUENCE = 0x30
export const OCTETS = 0x04
export const OBJECT_ID = 0x06
export const CONTEXT_0 = 0xa0
const CONSTRUCTED = 0x20
const MOST_DEPTH = 24

/** Reads the element at `at`, of definite or indefinite length. Throws RangeError, Damaged, Exhausted. */
export function readElement(bytes: Buffer, at: number, end: number, budget: Budget, depth = 0): Element {
  spendWork(budget, 50)
  if (at + 2 > end) damaged('ends too early')
  const tag = bytes.readUInt8(at)
  if ((tag & 31) === 31 || depth > MOST_DEPTH) damaged('its structure is damaged')
  const first = bytes.readUInt8(at + 1)
  if (first === 0x80) return indefinite(bytes, tag, at + 2, end, budget, depth)
  const extra = first < 0x80 ? 0 : first & 0x7f
  if (extra > 6) damaged('a length is impossible')
  if (at + 2 + extra > end) damaged('ends too early')
  const length = extra === 0 ? first : bytes.readUIntBE(at + 2, extra)
  const from = at + 2 + extra
  const to = Math.min(from + length, end)
  return { tag, from, to, next: to, isCut: from + length > end }
}

/** Elements until one of no tag and no length (8.1.3.6). */
function indefinite(bytes: Buffer, tag: number, from: number, end: number, budget: Budget, depth: number): Element {
  if ((tag & CONSTRUCTED) === 0) damaged('its structure is damaged')
  let at = from
  while (at + 2 <= end) {
    if (bytes.readUInt16BE(at) === 0) return { tag, from, to: at, next: at + 2, isCut: false }
    const element = readElement(bytes, at, end, budget, depth + 1)
    if (element.isCut) break
    at = element.next
  }
  return { tag, from, to: end, next: end, isCut: true }
}

/** The elements inside a constructed one, in order. */
export function* childrenOf(bytes: Buffer, parent: Element, budget: Budget): Generator<Element> {
  for (let at = parent.from; at + 2 <= parent.to; ) {
    const element = readElement(bytes, at, parent.to, budget)
    yield element
    at = element.next
  }
}

/** The bytes of an octet string, whole or in pieces. */
export function octetsOf(bytes: Buffer, element: Element, budget: Budget): Buffer {
  if ((element.tag & CONSTRUCTED) === 0) return bytes.subarray(element.from, element.to)
  const pieces: Buffer[] = []
  for (const piece of childrenOf(bytes, element, budget)) {
    if ((piece.tag & ~CONSTRUCTED & 0xff) !== OCTETS) damaged('its structure is damaged')
    pieces.push((piece.tag & CONSTRUCTED) === 0 ? bytes.subarray(piece.from, piece.to) : octetsOf(bytes, piece, budget))
  }
  spendWork(budget, element.to - element.from)
  return Buffer.concat(pieces)
}

/** An object identifier as hexadecimal of its content. */
export const objectId = (bytes: Buffer, element: Element): string => bytes.toString('hex', element.from, element.to)

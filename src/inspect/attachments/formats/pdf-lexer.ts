import { damaged } from '../failure.ts'

/** ISO 32000-2, 7.3. Names and other words are told apart by their kind; strings are bytes. */
export type PdfValue =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'name'; readonly value: string }
  | { readonly kind: 'word'; readonly value: string }
  | { readonly kind: 'string'; readonly value: Buffer }
  | { readonly kind: 'array'; readonly value: readonly PdfValue[] }
  | { readonly kind: 'dictionary'; readonly value: PdfDictionary }
  | { readonly kind: 'reference'; readonly value: number; readonly generation: number }

export type PdfDictionary = ReadonlyMap<string, PdfValue>

const SPACE = new Set([0, 9, 10, 12, 13, 32])
const DELIMITERS = new Set(Array.from('()<>[]{}/%', (character) => character.charCodeAt(0)))
const MOST_DEPTH = 32
/** Longest object that is read: dictionaries of trailers and of encryption are far shorter. */
const MOST_BYTES = 64 * 1024

/** Reads objects of a PDF from one place on. Throws Damaged. */
export class PdfLexer {
  readonly #bytes: Buffer
  readonly #end: number
  at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
    this.#end = Math.min(bytes.length, at + MOST_BYTES)
  }

  value(depth = 0): PdfValue {
    if (depth > MOST_DEPTH) damaged('an object of it is nested too deep')
    this.#skip()
    const byte = this.#peek()
    if (byte === 0x2f) return { kind: 'name', value: this.#name() }
    if (byte === 0x28) return { kind: 'string', value: this.#literal() }
    if (byte === 0x5b) return { kind: 'array', value: this.#array(depth) }
    if (byte !== 0x3c) return this.#numberOrWord()
    if (this.#bytes[this.at + 1] === 0x3c) return { kind: 'dictionary', value: this.#dictionary(depth) }
    return { kind: 'string', value: this.#hex() }
  }

  #peek(): number {
    return this.at < this.#end ? (this.#bytes[this.at] as number) : damaged('an object of it ends too early')
  }

  #skip(): void {
    while (this.at < this.#end) {
      const byte = this.#bytes[this.at] as number
      if (byte === 0x25) while (this.at < this.#end && ![10, 13].includes(this.#bytes[this.at] as number)) this.at += 1
      else if (SPACE.has(byte)) this.at += 1
      else return
    }
  }

  #word(): string {
    const from = this.at
    while (this.at < this.#end) {
      const byte = this.#bytes[this.at] as number
      if (SPACE.has(byte) || DELIMITERS.has(byte)) break
      this.at += 1
    }
    return this.#bytes.toString('latin1', from, this.at)
  }

  #name(): string {
    this.at += 1
    return this.#word().replace(/#([0-9a-f]{2})/giu, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  }

  #numberOrWord(): PdfValue {
    const word = this.#word()
    if (word === '') damaged('an object of it is damaged')
    if (!/^[+-]?\d*(?:\.\d*)?$/u.test(word)) return { kind: 'word', value: word }
    return /^\d+$/u.test(word) ? this.#reference(Number(word)) : { kind: 'number', value: Number(word) }
  }

  /** `12 0 R`, or merely a number. */
  #reference(value: number): PdfValue {
    const found = /^[\0\t\n\f\r ]+(\d{1,5})[\0\t\n\f\r ]+R(?![A-Za-z0-9])/u.exec(
      this.#bytes.toString('latin1', this.at, Math.min(this.#end, this.at + 32)),
    )
    if (found === null) return { kind: 'number', value }
    this.at += found[0].length
    return { kind: 'reference', value, generation: Number(found[1]) }
  }

  #array(depth: number): PdfValue[] {
    this.at += 1
    const values: PdfValue[] = []
    for (this.#skip(); this.#peek() !== 0x5d; this.#skip()) values.push(this.value(depth + 1))
    this.at += 1
    return values
  }

  #dictionary(depth: number): PdfDictionary {
    this.at += 2
    const entries = new Map<string, PdfValue>()
    for (this.#skip(); this.#peek() !== 0x3e; this.#skip()) {
      if (this.#peek() !== 0x2f) damaged('an object of it is damaged')
      const key = this.#name()
      entries.set(key, this.value(depth + 1))
    }
    this.at += 2
    return entries
  }

  #hex(): Buffer {
    const end = this.#bytes.indexOf(0x3e, this.at)
    if (end < 0 || end > this.#end) damaged('an object of it ends too early')
    const digits = this.#bytes.toString('latin1', this.at + 1, end).replace(/[^0-9a-f]/giu, '')
    this.at = end + 1
    return Buffer.from(digits.length % 2 === 0 ? digits : `${digits}0`, 'hex')
  }

  /** 7.3.4.2: parentheses in balance, escapes, line ends as LF. */
  #literal(): Buffer {
    const out: number[] = []
    let depth = 1
    for (this.at += 1; depth > 0; ) {
      const byte = this.#peek()
      this.at += 1
      if (byte === 0x5c) {
        this.#escape(out)
        continue
      }
      if (byte === 0x28) depth += 1
      if (byte === 0x29) depth -= 1
      if (depth > 0 && byte === 0x0d) {
        if (this.#bytes[this.at] === 0x0a) this.at += 1
        out.push(0x0a)
      } else if (depth > 0) out.push(byte)
    }
    return Buffer.from(out)
  }

  #escape(out: number[]): void {
    const byte = this.#peek()
    const octal = /^[0-7]{1,3}/u.exec(this.#bytes.toString('latin1', this.at, this.at + 3))?.[0]
    if (octal !== undefined) {
      this.at += octal.length
      out.push(Number.parseInt(octal, 8) & 255)
      return
    }
    this.at += 1
    if (byte === 0x0d && this.#bytes[this.at] === 0x0a) this.at += 1
    if (byte === 0x0d || byte === 0x0a) return
    const index = 'nrtbf'.indexOf(String.fromCharCode(byte))
    out.push(index < 0 ? byte : ([10, 13, 9, 8, 12][index] ?? byte))
  }
}

export const asNumber = (value: PdfValue | undefined): number | null => (value?.kind === 'number' ? value.value : null)
export const asName = (value: PdfValue | undefined): string | null => (value?.kind === 'name' ? value.value : null)
export const asString = (value: PdfValue | undefined): Buffer | null => (value?.kind === 'string' ? value.value : null)
export const asDictionary = (value: PdfValue | undefined): PdfDictionary | null =>
  value?.kind === 'dictionary' ? value.value : null

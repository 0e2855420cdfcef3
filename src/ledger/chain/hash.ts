import { hash } from 'node:crypto'

/** The facts of an entry that its hash covers. Bytes stand for text that must not be decoded on the way. */
export interface HashedEntry {
  /** Of the spool, as it calls itself; not this database's number for it. */
  readonly source: number
  readonly seq: number
  readonly at: number
  readonly queueId: number
  readonly event: string | Uint8Array
  readonly data: string | Uint8Array
}

export const HASH_BYTES = 32

// So that no other thing that is hashed or signed can be taken for an entry, nor an entry of another format
const DOMAIN = Buffer.from('postern ledger entry\0\x01', 'latin1')
const INTEGER_BYTES = 8
const LENGTH_BYTES = 4
const FIXED = DOMAIN.length + HASH_BYTES + 4 * (LENGTH_BYTES + INTEGER_BYTES) + 2 * LENGTH_BYTES
const FIRST_BYTES = 8192
const UTF8_PER_UNIT = 3

/**
 * SHA-256(domain, version || hash of the entry before || source, seq, at, queue id, event, data), each
 * field after its length in four bytes; integers in eight, big-endian, two's complement; text in UTF-8.
 */
export class EntryHasher {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES)
  #end = 0

  hash(previous: Uint8Array, { source, seq, at, queueId, event, data }: HashedEntry): Buffer {
    this.#begin(FIXED + UTF8_PER_UNIT * (event.length + data.length))
    this.#bytes.set(previous, DOMAIN.length)
    this.#end = DOMAIN.length + HASH_BYTES
    for (const number of [source, seq, at, queueId]) this.#integer(number)
    this.#text(event)
    this.#text(data)
    return hash('sha256', this.#bytes.subarray(0, this.#end), 'buffer')
  }

  #begin(atMost: number): void {
    if (atMost > this.#bytes.length) this.#bytes = Buffer.allocUnsafe(2 * atMost)
    this.#bytes.set(DOMAIN)
  }

  #integer(value: number): void {
    this.#end = this.#bytes.writeUInt32BE(INTEGER_BYTES, this.#end)
    this.#end = writeInteger(this.#bytes, value, this.#end)
  }

  #text(value: string | Uint8Array): void {
    const from = this.#end + LENGTH_BYTES
    const length = typeof value === 'string' ? this.#bytes.write(value, from, 'utf8') : value.length
    if (typeof value !== 'string') this.#bytes.set(value, from)
    this.#bytes.writeUInt32BE(length, this.#end)
    this.#end = from + length
  }
}

/** Eight bytes, big-endian, two's complement; gives where they end. BigInt would cost more than the hash. */
export function writeInteger(bytes: Buffer, value: number, at: number): number {
  const high = Math.floor(value / 2 ** 32)
  const middle = bytes.writeInt32BE(high | 0, at)
  return bytes.writeUInt32BE((value - high * 2 ** 32) >>> 0, middle)
}

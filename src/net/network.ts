import { type Network, parseAddressBits } from '../config/network.ts'

export { type Network, parseNetwork } from '../config/network.ts'

const WIDTH = { 4: 32n, 6: 128n } as const

interface Table<T> {
  readonly family: 4 | 6
  readonly prefix: number
  /** By the network's own bits, those of the host cut off. */
  readonly entries: Map<bigint, T>
}

/**
 * Finds by longest prefix: one table for each prefix length in use, the longest first. A look-up
 * costs as many table accesses as there are different lengths, however many networks there are.
 */
export class NetworkMap<T> {
  readonly #tables = new Map<string, Table<T>>()
  #ordered: Table<T>[] = []

  /** Adds a network, and gives the value that it already had, which stays; undefined if it is new. */
  add({ family, prefix, bits }: Network, value: T): T | undefined {
    const { entries } = this.#table(family, prefix)
    const key = networkBits(family, prefix, bits)
    const existing = entries.get(key)
    if (existing === undefined) entries.set(key, value)
    return existing
  }

  #table(family: 4 | 6, prefix: number): Table<T> {
    const name = `${family}/${prefix}`
    const found = this.#tables.get(name)
    if (found !== undefined) return found
    const table = { family, prefix, entries: new Map<bigint, T>() }
    this.#tables.set(name, table)
    this.#ordered = [...this.#tables.values()].sort((a, b) => b.prefix - a.prefix)
    return table
  }

  /** The value of the smallest network that holds this address (as Node gives it for a socket), or undefined. */
  find(address: string): T | undefined {
    if (this.#ordered.length === 0) return undefined
    const found = parseAddressBits(address)
    if (found === undefined) return undefined
    for (const { family, prefix, entries } of this.#ordered) {
      const value = family === found.family ? entries.get(networkBits(family, prefix, found.bits)) : undefined
      if (value !== undefined) return value
    }
    return undefined
  }
}

const networkBits = (family: 4 | 6, prefix: number, bits: bigint): bigint => bits >> (WIDTH[family] - BigInt(prefix))

/**
 * The network of so many bits around an address, as a text to count by: one household or one
 * machine has a whole /64 of IPv6. The text itself if it is no IP address.
 */
export function networkKey(address: string, prefix: { readonly v4: number; readonly v6: number }): string {
  const found = parseAddressBits(address)
  if (found === undefined) return address
  const length = found.family === 4 ? prefix.v4 : prefix.v6
  return `${networkBits(found.family, length, found.bits).toString(36)}/${found.family}.${length}`
}

export { isLoopback } from '../config/loopback.ts'

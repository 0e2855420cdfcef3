import { isIP } from 'node:net'

/** A network in CIDR notation; a single address is a network of its own. */
export interface Network {
  readonly family: 4 | 6
  /** The address's bits, those of the host cleared. */
  readonly bits: bigint
  readonly prefix: number
  /** As it is written in one way only: `10.20.0.0/24`, `2001:db8::/32`. */
  readonly text: string
}

const WIDTH = { 4: 32, 6: 128 } as const
const MAPPED = 0xffffn

/**
 * Reads `10.20.0.0/24`, `2001:db8::/32` or one address. Host bits must be clear, so that a slip
 * in the prefix is seen. IPv4-mapped IPv6 (`::ffff:10.0.0.1`) becomes IPv4. Undefined if it is no network.
 */
export function parseNetwork(input: unknown): Network | undefined {
  if (typeof input !== 'string') return undefined
  const [, text = '', digits] = /^([0-9a-fA-F:.]{2,45})(?:\/(\d{1,3}))?$/.exec(input.trim()) ?? []
  const family = isIP(text)
  if (family !== 4 && family !== 6) return undefined
  const prefix = digits === undefined ? WIDTH[family] : Number(digits)
  if (prefix > WIDTH[family]) return undefined
  return unmapped(family, addressBits(text, family), prefix)
}

function unmapped(family: 4 | 6, bits: bigint, prefix: number): Network | undefined {
  if (family === 6 && bits >> 32n === MAPPED && prefix >= 96) return network(4, bits & 0xffffffffn, prefix - 96)
  return network(family, bits, prefix)
}

function network(family: 4 | 6, bits: bigint, prefix: number): Network | undefined {
  const host = (1n << BigInt(WIDTH[family] - prefix)) - 1n
  if ((bits & host) !== 0n) return undefined
  const address = family === 4 ? formatV4(bits) : formatV6(bits)
  return { family, bits, prefix, text: `${address}/${prefix}` }
}

/** Whether an address (as Node gives it for a socket: v4, v6, v4-mapped, with or without a zone) lies in the network. */
export function networkContains(network: Network, address: string): boolean {
  const found = parseAddressBits(address)
  if (found === undefined || found.family !== network.family) return false
  const host = BigInt(WIDTH[network.family] - network.prefix)
  return found.bits >> host === network.bits >> host
}

/** An IP address as bits, v4-mapped ones as IPv4; undefined if it is none. */
export function parseAddressBits(address: string): { family: 4 | 6; bits: bigint } | undefined {
  const bare = address.split('%', 1)[0] ?? ''
  const family = isIP(bare)
  if (family !== 4 && family !== 6) return undefined
  const bits = addressBits(bare, family)
  return family === 6 && bits >> 32n === MAPPED ? { family: 4, bits: bits & 0xffffffffn } : { family, bits }
}

/** The entry whose network holds the address most specifically; of equals the first. Undefined if none does. */
export function mostSpecific<T>(entries: readonly { network: Network; value: T }[], address: string): T | undefined {
  let best: { network: Network; value: T } | undefined
  for (const entry of entries) {
    const better = best === undefined || entry.network.prefix > best.network.prefix
    if (better && networkContains(entry.network, address)) best = entry
  }
  return best?.value
}

function addressBits(address: string, family: 4 | 6): bigint {
  if (family === 4) return address.split('.').reduce((bits, octet) => (bits << 8n) | BigInt(octet), 0n)
  const [head = '', tail] = withoutDots(address).split('::')
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const middle = tail === undefined ? [] : new Array<bigint>(8 - left.length - right.length).fill(0n)
  return [...left, ...middle, ...right].reduce((bits, group) => (bits << 16n) | group, 0n)
}

const groups = (text: string): bigint[] => (text === '' ? [] : text.split(':').map((group) => BigInt(`0x${group}`)))

// ::ffff:10.0.0.1 has its last 32 bits in dots
function withoutDots(address: string): string {
  const at = address.lastIndexOf(':') + 1
  if (!address.includes('.')) return address
  const bits = addressBits(address.slice(at), 4)
  return `${address.slice(0, at)}${(bits >> 16n).toString(16)}:${(bits & 0xffffn).toString(16)}`
}

const formatV4 = (bits: bigint): string => [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 0xffn).join('.')

// RFC 5952, by the URL parser, which writes IPv6 that way
function formatV6(bits: bigint): string {
  const hex = bits.toString(16).padStart(32, '0').match(/.{4}/g) ?? []
  return new URL(`http://[${hex.join(':')}]`).hostname.slice(1, -1)
}

import { isIPv4, isIPv6 } from 'node:net'

/**
 * What rooms ask of the DNS, and what it may answer. Tests put a literal zone in its place.
 * Nothing here ever rejects: a failure is an answer too.
 */
export interface Resolver {
  /** MX records, in no order. Null MX (RFC 7505) is a record whose exchange is empty. */
  resolveMx(domain: string): Promise<DnsAnswer<MxRecord>>
  /** A and AAAA records together; `found` if either family has one, even where the other's question failed. */
  resolveAddresses(host: string): Promise<DnsAnswer<HostAddress>>
  /** Names that the PTR records of an address give, lower case; unverified. */
  reverse(address: string): Promise<DnsAnswer<string>>
  /** TXT records, the strings of each joined without a space (RFC 7208 section 3.3). */
  resolveTxt(name: string): Promise<DnsAnswer<string>>
}

/** `none` is an answer that may be relied on; `failed` says nothing about the name and is always temporary. */
export type DnsAnswer<T> =
  | { readonly is: 'found'; readonly records: readonly T[] }
  /** `nxdomain`: the name does not exist. `nodata`: it exists without such records. */
  | { readonly is: 'none'; readonly why: 'nxdomain' | 'nodata' }
  | { readonly is: 'failed'; readonly cause: string }

export interface MxRecord {
  readonly preference: number
  /** Lower case, without the final dot; empty for null MX. */
  readonly exchange: string
}

export interface HostAddress {
  readonly address: string
  readonly family: 4 | 6
}

/** An answer with the time that it may be kept, in seconds. */
export interface TimedAnswer<T> {
  readonly answer: DnsAnswer<T>
  readonly ttl: number
}

/**
 * Puts the answers for A and AAAA together. Where one family failed and the other has nothing,
 * the whole is a failure: an address may exist.
 */
export function joinFamilies(v4: TimedAnswer<HostAddress>, v6: TimedAnswer<HostAddress>): TimedAnswer<HostAddress> {
  const ttl = Math.min(v4.ttl, v6.ttl)
  const records = [v4, v6].flatMap(({ answer }) => (answer.is === 'found' ? answer.records : []))
  if (records.length > 0) return { answer: { is: 'found', records }, ttl }
  const failed = [v4, v6].find(({ answer }) => answer.is === 'failed')
  if (failed) return { answer: failed.answer, ttl }
  // A name that has any record exists
  const nodata = [v4, v6].find(({ answer }) => answer.is === 'none' && answer.why === 'nodata')
  return { answer: (nodata ?? v4).answer, ttl }
}

/**
 * The name under which the PTR records of an address stand: RFC 1035 section 3.5, RFC 3596
 * section 2.5; an IPv4-mapped address has that of the IPv4 one. Null if `address` is none.
 */
export function reverseName(address: string): string | null {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1] ?? address
  if (isIPv4(mapped)) return `${mapped.split('.').reverse().join('.')}.in-addr.arpa`
  const bare = address.replace(/%.*/, '')
  return isIPv6(bare) ? `${nibbles(bare).reverse().join('.')}.ip6.arpa` : null
}

function nibbles(address: string): string[] {
  const [head = '', tail = ''] = address.split('::')
  const [front, back] = [groupsOf(head), groupsOf(tail)]
  const gap = new Array<string>(8 - front.length - back.length).fill('0')
  return [...front, ...gap, ...back].flatMap((group) => [...group.toLowerCase().padStart(4, '0')])
}

const groupsOf = (part: string): string[] => (part === '' ? [] : part.split(':').flatMap(dottedGroups))

/** `192.0.2.1` at the end of an IPv6 address stands for two groups (RFC 4291 section 2.2). */
function dottedGroups(group: string): string[] {
  if (!group.includes('.')) return [group]
  const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
  return [(a * 256 + b).toString(16), (c * 256 + d).toString(16)]
}

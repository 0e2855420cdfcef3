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
  /** TLSA records (RFC 6698) at a name such as `_25._tcp.mx.example.test`. Not there where DNSSEC is not validated: they would mean nothing. */
  resolveTlsa?(name: string): Promise<DnsAnswer<TlsaRecord>>
}

/** `none` is an answer that may be relied on; `failed` says nothing about the name and is always temporary. */
export type DnsAnswer<T> =
  | ({ readonly is: 'found'; readonly records: readonly T[] } & Vouched)
  /** `nxdomain`: the name does not exist. `nodata`: it exists without such records. */
  | ({ readonly is: 'none'; readonly why: 'nxdomain' | 'nodata' } & Vouched)
  | { readonly is: 'failed'; readonly cause: string }

/** What is known of an answer beside its records. */
export interface Vouched {
  /** DNSSEC vouches for all of it: the AD bit of a validating resolver on this machine. Also for "there is none". */
  readonly authentic?: true
  /** Where the name is an alias: the name at the end of the chain of CNAMEs, lower case. Told of host addresses by a validating resolver. */
  readonly canonical?: string
  /** With `canonical`, where DNSSEC does not vouch for the whole: it does vouch for the name itself, being an alias. */
  readonly aliasAuthentic?: true
}

export interface MxRecord {
  readonly preference: number
  /** Lower case, without the final dot; empty for null MX. */
  readonly exchange: string
}

export interface HostAddress {
  readonly address: string
  readonly family: 4 | 6
}

/** RFC 6698 section 2.1. The numbers are as they came, known ones or not. */
export interface TlsaRecord {
  readonly usage: number
  readonly selector: number
  readonly matching: number
  readonly data: Buffer
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
  if (records.length > 0) return { answer: { is: 'found', records, ...jointly(v4.answer, v6.answer) }, ttl }
  const failed = [v4, v6].find(({ answer }) => answer.is === 'failed')
  if (failed) return { answer: failed.answer, ttl }
  // A name that has any record exists
  const nodata = [v4, v6].find(({ answer }) => answer.is === 'none' && answer.why === 'nodata')
  return { answer: none((nodata ?? v4).answer, jointly(v4.answer, v6.answer)), ttl }
}

function none(answer: DnsAnswer<HostAddress>, { authentic }: Vouched): DnsAnswer<HostAddress> {
  if (answer.is !== 'none') return answer
  return { is: 'none', why: answer.why, ...(authentic && { authentic }) }
}

/**
 * What holds of both families. One that failed is left out: somebody who makes the question for the
 * other family fail must not make a signed name look unsigned (RFC 7672 section 2.1.2).
 */
function jointly(...answers: readonly DnsAnswer<HostAddress>[]): Vouched {
  const given = answers.filter((answer) => answer.is !== 'failed')
  const authentic = given.every((answer) => answer.authentic === true)
  const alias = given.find(({ canonical }) => canonical !== undefined)
  if (alias?.canonical === undefined) return authentic ? { authentic } : {}
  const aliasAuthentic = given.every((answer) => answer.authentic === true || answer.aliasAuthentic === true)
  return { canonical: alias.canonical, ...(authentic ? { authentic } : aliasAuthentic ? { aliasAuthentic } : {}) }
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

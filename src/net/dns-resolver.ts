import { Resolver as NodeResolver } from 'node:dns/promises'
import type { Clock } from '../clock.ts'
import { type HostPort, parseHostPort } from '../config/endpoint.ts'
import { isLoopback } from '../config/loopback.ts'
import { type DnsAnswer, type HostAddress, joinFamilies, type Resolver, reverseName, type TimedAnswer } from './dns.ts'
import { DnsCache, type DnsCacheLimits } from './dns-cache.ts'
import { ValidatingResolver } from './dns-validating.ts'

export interface DnsOptions {
  /** `address`, `address:port` or `[address]:port` of resolvers; none: those of the system. */
  readonly servers?: readonly string[]
  /** Milliseconds for one try of one server. Default 5 s. */
  readonly timeoutMs?: number
  /** Tries of each server. Default 2. */
  readonly tries?: number
  /** Milliseconds for one question, all tries and servers together. Default 20 s. */
  readonly deadlineMs?: number
  /** Records of one answer that are looked at; a longer answer is cut. Default 100. */
  readonly maxRecords?: number
  /** Addresses of hosts that are not asked of the DNS, lower-case names. `localhost` always has its own (RFC 6761 section 6.3). */
  readonly hosts?: Readonly<Record<string, readonly string[]>>
  readonly cache?: Partial<DnsCacheLimits>
  /** The servers validate DNSSEC, and run on this machine: what they vouch for is passed on, and TLSA records can be asked for. */
  readonly validating?: boolean
}

/** Default limits of the cache: 10,000 answers, an hour, five minutes for "none", 3 s for failures. */
export const DNS_CACHE_DEFAULTS: DnsCacheLimits = { entries: 10_000, maxTtl: 3600, maxNegativeTtl: 300, failureTtl: 3 }

// Node tells no TTL for these types; what can change a route must be noticed within minutes
const UNKNOWN_TTL = 300
const LOCALHOST: readonly string[] = ['127.0.0.1', '::1']

/** A resolver that asks name servers, through a cache. Throws Error where `validating` cannot be had with these servers. */
export function createResolver(options: DnsOptions, clock: Clock): Resolver {
  return options.validating ? validating(options, clock) : new CachingResolver(options, clock)
}

// Each has a socket of its own
const UNDER_WAY = 256

function validating(options: DnsOptions, clock: Clock): Resolver {
  const { servers = [], timeoutMs = 5_000, tries = 2, deadlineMs = 20_000, maxRecords = 100 } = options
  const hosts = new Map(Object.entries({ localhost: LOCALHOST, ...options.hosts }))
  const cache = { ...DNS_CACHE_DEFAULTS, ...options.cache }
  const places = servers.map(validatingServer)
  if (places.length === 0) throw new Error('a validating resolver must be named: the one on this machine')
  return new ValidatingResolver(
    { servers: places, timeoutMs, tries, deadlineMs, maxUnderWay: UNDER_WAY, maxRecords, hosts, cache },
    clock,
  )
}

/** RFC 7672 section 2.2: an AD bit that came over a network may be anybody's. */
function validatingServer(server: string): { address: string; port: number } {
  const place: HostPort | undefined = parseHostPort(server, 53)
  if (place !== undefined && isLoopback(place.host)) return { address: place.host, port: place.port }
  throw new Error(`${server} is not at a loopback address: what a resolver elsewhere says of DNSSEC cannot be believed`)
}

class CachingResolver implements Resolver {
  readonly #cache: DnsCache
  readonly #dns: NodeResolver
  readonly #deadlineMs: number
  readonly #maxRecords: number
  readonly #hosts: ReadonlyMap<string, readonly string[]>

  constructor(options: DnsOptions, clock: Clock) {
    const { timeoutMs = 5_000, tries = 2, servers = [] } = options
    this.#cache = new DnsCache({ ...DNS_CACHE_DEFAULTS, ...options.cache }, clock)
    this.#dns = new NodeResolver({ timeout: timeoutMs, tries, maxTimeout: timeoutMs * 2 })
    if (servers.length > 0) this.#dns.setServers([...servers])
    this.#deadlineMs = options.deadlineMs ?? 20_000
    this.#maxRecords = options.maxRecords ?? 100
    this.#hosts = new Map(Object.entries({ localhost: LOCALHOST, ...options.hosts }))
  }

  resolveMx(domain: string) {
    const name = normal(domain)
    return this.#cache.get(`MX ${name}`, () =>
      this.#ask(async () => {
        const records = await this.#dns.resolveMx(name)
        return records.map(({ priority, exchange }) => ({ preference: priority, exchange: normal(exchange) }))
      }),
    )
  }

  resolveAddresses(host: string): Promise<DnsAnswer<HostAddress>> {
    const name = normal(host)
    const known = this.#hosts.get(name)
    if (known) return Promise.resolve({ is: 'found', records: known.map(hostAddress) })
    return this.#cache.get(`A+AAAA ${name}`, async () => {
      const [v4, v6] = await Promise.all([this.#family(name, 4), this.#family(name, 6)])
      return joinFamilies(v4, v6)
    })
  }

  async reverse(address: string): Promise<DnsAnswer<string>> {
    // Not NodeResolver.reverse(), which reads the hosts file
    const name = reverseName(address)
    if (name === null) return { is: 'none', why: 'nxdomain' }
    return this.#cache.get(`PTR ${name}`, () =>
      this.#ask(async () => (await this.#dns.resolvePtr(name)).map(normal).filter((found) => found !== '')),
    )
  }

  resolveTxt(text: string) {
    const name = normal(text)
    return this.#cache.get(`TXT ${name}`, () =>
      this.#ask(async () => (await this.#dns.resolveTxt(name)).map((strings) => strings.join(''))),
    )
  }

  async #family(name: string, family: 4 | 6): Promise<TimedAnswer<HostAddress>> {
    let ttl = UNKNOWN_TTL
    const { answer } = await this.#ask(async () => {
      const records = await (family === 4
        ? this.#dns.resolve4(name, { ttl: true })
        : this.#dns.resolve6(name, { ttl: true }))
      ttl = Math.min(...records.map((record) => record.ttl))
      return records.map(({ address }): HostAddress => ({ address, family }))
    })
    return { answer, ttl }
  }

  async #ask<T>(question: () => Promise<T[]>): Promise<TimedAnswer<T>> {
    try {
      const records = await withDeadline(question(), this.#deadlineMs)
      if (records.length === 0) return { answer: { is: 'none', why: 'nodata' }, ttl: UNKNOWN_TTL }
      return { answer: { is: 'found', records: records.slice(0, this.#maxRecords) }, ttl: UNKNOWN_TTL }
    } catch (error) {
      return { answer: answerTo(error), ttl: UNKNOWN_TTL }
    }
  }
}

/** Lower case, without the final dot. */
const normal = (name: string): string => name.toLowerCase().replace(/\.$/, '')

const hostAddress = (address: string): HostAddress => ({ address, family: address.includes(':') ? 6 : 4 })

/** Only what the DNS positively denies is `none`; everything that is not known here is a failure. */
function answerTo(error: unknown): DnsAnswer<never> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN'
  if (code === 'ENODATA') return { is: 'none', why: 'nodata' }
  // EBADNAME: no label or name of the DNS can look like that
  if (code === 'ENOTFOUND' || code === 'EBADNAME') return { is: 'none', why: 'nxdomain' }
  return { is: 'failed', cause: CAUSES[code] ?? code }
}

const CAUSES: Readonly<Record<string, string>> = {
  ETIMEOUT: 'no answer from the name server in time',
  ESERVFAIL: 'the name server failed (SERVFAIL)',
  EREFUSED: 'the name server refused the question (REFUSED)',
  ECONNREFUSED: 'cannot reach the name server',
  EBADRESP: 'the name server gave an answer that makes no sense',
  EDEADLINE: 'no answer from any name server in time',
}

/** The library's own time-outs do not bound retries over several servers and TCP. A timer of the system: it guards real sockets. */
function withDeadline<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(Object.assign(new Error('deadline'), { code: 'EDEADLINE' })), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

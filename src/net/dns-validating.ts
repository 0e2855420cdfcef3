import type { Answer } from 'dns-packet'
import type { Clock } from '../clock.ts'
import {
  type DnsAnswer,
  type HostAddress,
  joinFamilies,
  type MxRecord,
  type Resolver,
  reverseName,
  type TimedAnswer,
  type TlsaRecord,
} from './dns.ts'
import { DnsCache, type DnsCacheLimits } from './dns-cache.ts'
import { Exchange, type ExchangeOptions } from './dns-exchange.ts'
import { isNameable, normal, type Question } from './dns-wire.ts'

export interface ValidatingOptions extends ExchangeOptions {
  readonly maxRecords: number
  /** Addresses that are not asked of the DNS, by lower-case names. */
  readonly hosts: ReadonlyMap<string, readonly string[]>
  readonly cache: DnsCacheLimits
}

/**
 * A resolver that asks a validating name server on this machine and passes on what DNSSEC vouches
 * for. The AD bit is believed because nobody can come in between (RFC 7672 section 2.2, RFC 6840 section 5.8).
 */
export class ValidatingResolver implements Resolver {
  readonly #cache: DnsCache
  readonly #exchange: Exchange
  readonly #maxRecords: number
  readonly #hosts: ReadonlyMap<string, readonly string[]>

  constructor(options: ValidatingOptions, clock: Clock) {
    this.#cache = new DnsCache(options.cache, clock)
    this.#exchange = new Exchange(options)
    this.#maxRecords = options.maxRecords
    this.#hosts = options.hosts
  }

  resolveMx(domain: string): Promise<DnsAnswer<MxRecord>> {
    return this.#records(domain, 'MX', (each) =>
      each.type === 'MX' ? { preference: each.data.preference ?? 0, exchange: normal(each.data.exchange) } : null,
    )
  }

  resolveTxt(name: string): Promise<DnsAnswer<string>> {
    return this.#records(name, 'TXT', (each) => (each.type === 'TXT' ? textOf(each.data) : null))
  }

  resolveTlsa(name: string): Promise<DnsAnswer<TlsaRecord>> {
    return this.#records(name, 'TLSA', (each) => {
      if (each.type !== 'TLSA') return null
      const { usage, selector, matchingType: matching, certificate: data } = each.data
      return { usage, selector, matching, data }
    })
  }

  async reverse(address: string): Promise<DnsAnswer<string>> {
    const name = reverseName(address)
    if (name === null) return { is: 'none', why: 'nxdomain' }
    return this.#records(name, 'PTR', (each) => (each.type === 'PTR' ? normal(each.data) || null : null))
  }

  resolveAddresses(host: string): Promise<DnsAnswer<HostAddress>> {
    const name = normal(host)
    const known = this.#hosts.get(name)
    if (known) return Promise.resolve({ is: 'found', records: known.map(hostAddress) })
    return this.#cache.get(`A+AAAA ${name}`, async () => {
      const [v4, v6] = await Promise.all([this.#family(name, 4), this.#family(name, 6)])
      return this.#lookAtAlias(name, joinFamilies(v4, v6))
    })
  }

  #family(name: string, family: 4 | 6): Promise<TimedAnswer<HostAddress>> {
    return this.#ask(name, family === 4 ? 'A' : 'AAAA', (each) =>
      each.type === 'A' || each.type === 'AAAA' ? { address: each.data, family } : null,
    )
  }

  /** RFC 7672 section 2.2.3: an alias in a signed zone that leads out of it may have TLSA records under its own name. */
  async #lookAtAlias(name: string, timed: TimedAnswer<HostAddress>): Promise<TimedAnswer<HostAddress>> {
    const { answer } = timed
    if (answer.is !== 'found' || answer.canonical === undefined || answer.authentic) return timed
    const alias = await this.#exchange.ask(name, 'CNAME')
    if (alias.answer.is !== 'found' || !alias.answer.authentic) return timed
    return { answer: { ...answer, aliasAuthentic: true }, ttl: Math.min(timed.ttl, alias.ttl) }
  }

  #records<T>(written: string, type: Question['type'], read: (each: Answer) => T | null): Promise<DnsAnswer<T>> {
    const name = normal(written)
    return this.#cache.get(`${type} ${name}`, () => this.#ask(name, type, read))
  }

  async #ask<T>(name: string, type: Question['type'], read: (each: Answer) => T | null): Promise<TimedAnswer<T>> {
    if (!isNameable(name)) return { answer: { is: 'none', why: 'nxdomain' }, ttl: Number.POSITIVE_INFINITY }
    const { answer, ttl } = await this.#exchange.ask(name, type)
    if (answer.is !== 'found') return { answer, ttl }
    const records = answer.records
      .slice(0, this.#maxRecords)
      .map(read)
      .filter((record) => record !== null)
    return { answer: records.length > 0 ? { ...answer, records } : noData(answer), ttl }
  }
}

const noData = ({ authentic }: { authentic?: true }): DnsAnswer<never> => ({
  is: 'none',
  why: 'nodata',
  ...(authentic && { authentic }),
})

const hostAddress = (address: string): HostAddress => ({ address, family: address.includes(':') ? 6 : 4 })

/** RFC 7208 section 3.3: without a space. Octets, as the system's resolver gives them. */
const textOf = (strings: string | Buffer | readonly (string | Buffer)[]): string =>
  [strings]
    .flat()
    .map((part) => part.toString('latin1'))
    .join('')

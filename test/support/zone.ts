import {
  type DnsAnswer,
  type HostAddress,
  joinFamilies,
  type MxRecord,
  type Resolver,
  type TlsaRecord,
} from '../../src/net/dns.ts'

/** What one name has. Reverse names are written as the address itself: `'192.0.2.1': { ptr: ['mx.example.org'] }`. */
export interface ZoneEntry {
  readonly mx?: readonly (readonly [preference: number, exchange: string])[]
  readonly a?: readonly string[]
  readonly aaaa?: readonly string[]
  readonly txt?: readonly string[]
  readonly ptr?: readonly string[]
  /** In presentation form: `3 1 1 9a…`. */
  readonly tlsa?: readonly string[]
  /** DNSSEC vouches for everything that this name has and has not. */
  readonly authentic?: true
}

export type ZoneType = Exclude<keyof ZoneEntry, 'authentic'>

/** Names in lower case. A name that is not here does not exist. */
export type Zone = Readonly<Record<string, ZoneEntry>>

export interface ZoneResolver extends Resolver {
  /** Questions so far, such as `mx example.org`. */
  readonly asked: string[]
  /** Questions that fail, `type name`; may be changed while in use. */
  readonly failing: Set<string>
}

/** A resolver whose whole world is `zone`; questions in `failing` (such as `mx example.net`) fail. */
export function zoneResolver(zone: Zone, failing: readonly string[] = []): ZoneResolver {
  const asked: string[] = []
  const fails = new Set(failing)
  const ask = <T>(type: ZoneType, name: string, map: (entry: ZoneEntry) => readonly T[]): DnsAnswer<T> => {
    const question = `${type} ${name.toLowerCase()}`
    asked.push(question)
    if (fails.has(question)) return { is: 'failed', cause: 'SERVFAIL in the test zone' }
    const entry = zone[name.toLowerCase()]
    if (!entry) return { is: 'none', why: 'nxdomain' }
    const records = map(entry)
    const vouched = entry.authentic && { authentic: entry.authentic }
    return records.length > 0 ? { is: 'found', records, ...vouched } : { is: 'none', why: 'nodata', ...vouched }
  }
  const family = (type: 'a' | 'aaaa', name: string) => ({
    answer: ask(type, name, (entry) => (entry[type] ?? []).map((address) => hostAddress(address))),
    ttl: 60,
  })
  return {
    asked,
    failing: fails,
    resolveMx: async (name) =>
      ask('mx', name, (entry) =>
        (entry.mx ?? []).map(([preference, exchange]): MxRecord => ({ preference, exchange })),
      ),
    resolveAddresses: async (name) => joinFamilies(family('a', name), family('aaaa', name)).answer,
    reverse: async (address) => ask('ptr', address, (entry) => entry.ptr ?? []),
    resolveTxt: async (name) => ask('txt', name, (entry) => entry.txt ?? []),
    resolveTlsa: async (name) => ask('tlsa', name, (entry) => (entry.tlsa ?? []).map(tlsaRecord)),
  }
}

const hostAddress = (address: string): HostAddress => ({ address, family: address.includes(':') ? 6 : 4 })

function tlsaRecord(text: string): TlsaRecord {
  const [usage = 0, selector = 0, matching = 0] = text.split(' ', 3).map(Number)
  return { usage, selector, matching, data: Buffer.from(text.split(' ').slice(3).join(''), 'hex') }
}

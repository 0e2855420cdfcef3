import { type DnsAnswer, type HostAddress, joinFamilies, type MxRecord, type Resolver } from '../../src/net/dns.ts'

/** What one name has. Reverse names are written as the address itself: `'192.0.2.1': { ptr: ['mx.example.org'] }`. */
export interface ZoneEntry {
  readonly mx?: readonly (readonly [preference: number, exchange: string])[]
  readonly a?: readonly string[]
  readonly aaaa?: readonly string[]
  readonly txt?: readonly string[]
  readonly ptr?: readonly string[]
}

export type ZoneType = keyof ZoneEntry

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
    return records.length > 0 ? { is: 'found', records } : { is: 'none', why: 'nodata' }
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
  }
}

const hostAddress = (address: string): HostAddress => ({ address, family: address.includes(':') ? 6 : 4 })

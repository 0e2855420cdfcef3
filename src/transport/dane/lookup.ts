import { isIP } from 'node:net'
import type { DnsAnswer, HostAddress, Resolver, TlsaRecord } from '../../net/dns.ts'
import { isUsable, MAX_TLSA } from './tlsa.ts'

/** What the TLSA records of a host say about it. */
export type HostTlsa =
  /** DANE says nothing about it. */
  | { readonly is: 'none'; readonly why: string }
  /** It cannot be known, and then the host must not be used: RFC 7672 section 2.1.1. */
  | { readonly is: 'failed'; readonly why: string }
  /** There are records, but none that can be used: TLS, whoever answers (RFC 7672 section 2.2). */
  | { readonly is: 'unusable'; readonly records: readonly TlsaRecord[]; readonly base: string }
  | { readonly is: 'usable'; readonly records: readonly TlsaRecord[]; readonly base: string }

/**
 * Looks up the TLSA records of a host, where DNSSEC vouches for its addresses (RFC 7672 section 2.2.2). An alias is
 * followed as far as it is signed, and its own name asked about last. Never rejects.
 */
export async function lookUpTlsa(host: string, port: number, resolver: Resolver): Promise<HostTlsa> {
  if (resolver.resolveTlsa === undefined) return { is: 'none', why: 'DNSSEC is not validated here (dns.validating)' }
  if (isIP(host) !== 0) return { is: 'none', why: 'it is an address, not a name' }
  const addresses = await resolver.resolveAddresses(host)
  if (addresses.is === 'failed') return { is: 'failed', why: `its addresses cannot be had: ${addresses.cause}` }
  const bases = basesOf(host, addresses)
  if (bases.length === 0) return { is: 'none', why: 'DNSSEC does not vouch for its addresses' }
  for (const base of bases) {
    const found = recordsAt(base, await resolver.resolveTlsa(`_${port}._tcp.${base}`))
    if (found.is !== 'none') return found
  }
  return { is: 'none', why: 'it has no TLSA records that DNSSEC vouches for' }
}

function basesOf(host: string, answer: Exclude<DnsAnswer<HostAddress>, { is: 'failed' }>): string[] {
  const { authentic, aliasAuthentic, canonical } = answer
  if (authentic) return canonical === undefined ? [host] : [canonical, host]
  return aliasAuthentic ? [host] : []
}

function recordsAt(base: string, answer: DnsAnswer<TlsaRecord>): HostTlsa {
  if (answer.is === 'failed') return { is: 'failed', why: `its TLSA records cannot be had: ${answer.cause}` }
  if (answer.is === 'none' || !answer.authentic) return { is: 'none', why: '' }
  const records = answer.records.slice(0, MAX_TLSA)
  const usable = records.filter(isUsable)
  return usable.length > 0 ? { is: 'usable', records: usable, base } : { is: 'unusable', records, base }
}

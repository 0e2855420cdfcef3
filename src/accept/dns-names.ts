import type { Resolver } from '../net/dns.ts'
import { parseNetwork } from '../net/network.ts'
import type { NameLookup } from './ports.ts'

// an address with more names than this was set up to keep us busy
const MAX_NAMES = 5

/** Answers accept's questions about names from the DNS. */
export function dnsNames(resolver: Resolver): NameLookup {
  return {
    reverse: (address) => verifiedName(resolver, address),
    domain: (domain) => mailDomain(resolver, domain),
  }
}

/** RFC 8601 section 2.7.3 (iprev): a reverse name counts only if it leads back to the address. */
async function verifiedName(resolver: Resolver, address: string): Promise<{ name: string | null } | 'temporary'> {
  const names = await resolver.reverse(address)
  if (names.is === 'failed') return 'temporary'
  if (names.is === 'none') return { name: null }
  let failed = false
  for (const name of names.records.slice(0, MAX_NAMES)) {
    const back = await resolver.resolveAddresses(name)
    if (back.is === 'found' && back.records.some((record) => sameAddress(record.address, address))) return { name }
    if (back.is === 'failed') failed = true
  }
  return failed ? 'temporary' : { name: null }
}

/** Whether two texts are one address: IPv6 can be written in many ways. */
function sameAddress(a: string, b: string): boolean {
  const found = parseNetwork(a)
  return found !== undefined && found.text === parseNetwork(b)?.text
}

/** RFC 5321 section 5.1: MX, else the address itself. */
async function mailDomain(resolver: Resolver, domain: string): Promise<'exists' | 'missing' | 'refuses' | 'temporary'> {
  const mx = await resolver.resolveMx(domain)
  if (mx.is === 'found') return mx.records.every((record) => record.exchange === '') ? 'refuses' : 'exists'
  if (mx.is === 'failed') return 'temporary'
  if (mx.why === 'nxdomain') return 'missing'
  const addresses = await resolver.resolveAddresses(domain)
  if (addresses.is === 'failed') return 'temporary'
  return addresses.is === 'found' ? 'exists' : 'missing'
}

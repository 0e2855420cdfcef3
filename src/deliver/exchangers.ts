import { isIP } from 'node:net'
import type { Reply } from '../mail/reply.ts'
import type { MxRecord, Resolver } from '../net/dns.ts'
import { ownReply } from './replies.ts'

/** A host that takes mail for a domain. */
export interface Exchanger {
  /** Name, or IP address. */
  readonly host: string
  readonly port: number
  /** Lower is tried first. */
  readonly preference: number
}

/** `implicit`: the domain has no MX and stands for itself (RFC 5321 section 5.1). */
export type Exchangers =
  | {
      readonly is: 'found'
      readonly hosts: readonly Exchanger[]
      readonly implicit: boolean
      /** DNSSEC vouches for it that these are the hosts. */
      readonly authentic: boolean
    }
  | { readonly is: 'permanent' | 'temporary'; readonly reply: Reply }

/** The exchangers of a domain, best first. RFC 5321 section 5.1, RFC 7505. Never rejects. */
export async function exchangersOf(domain: string, port: number, resolver: Resolver): Promise<Exchangers> {
  if (domain.startsWith('[')) return literal(domain, port)
  const answer = await resolver.resolveMx(domain)
  if (answer.is === 'failed') return { is: 'temporary', reply: dnsFailure(domain, answer.cause) }
  const authentic = answer.authentic === true
  if (answer.is === 'found') return fromRecords(domain, answer.records, port, authentic)
  if (answer.why === 'nodata') {
    return { is: 'found', hosts: [{ host: domain, port, preference: 0 }], implicit: true, authentic }
  }
  return { is: 'permanent', reply: ownReply(550, '5.1.2', `the domain ${domain} does not exist`) }
}

function fromRecords(domain: string, records: readonly MxRecord[], port: number, authentic: boolean): Exchangers {
  // RFC 7505 section 3: beside others a null MX means nothing
  const real = records.filter(({ exchange }) => exchange !== '' && exchange !== '.')
  // RFC 7505 section 4.2: 5.1.10
  if (real.length === 0) return { is: 'permanent', reply: ownReply(556, '5.1.10', `${domain} takes no mail (null MX)`) }
  const hosts = real.map(({ exchange, preference }) => ({ host: exchange.replace(/\.$/, ''), port, preference }))
  return { is: 'found', hosts: hosts.sort(byPreference), implicit: false, authentic }
}

/** The name decides between equals, so that the same records always give the same list. */
const byPreference = (a: Exchanger, b: Exchanger): number =>
  a.preference - b.preference || (a.host < b.host ? -1 : a.host > b.host ? 1 : 0)

/** RFC 5321 section 4.1.3. */
function literal(domain: string, port: number): Exchangers {
  const address = domain.slice(1, -1).replace(/^ipv6:/i, '')
  if (isIP(address) !== 0) {
    return { is: 'found', hosts: [{ host: address, port, preference: 0 }], implicit: true, authentic: false }
  }
  return { is: 'permanent', reply: ownReply(550, '5.1.2', `${domain} is no address`) }
}

export const dnsFailure = (name: string, cause: string): Reply =>
  ownReply(451, '4.4.3', `the DNS cannot be asked about ${name}: ${cause}`)

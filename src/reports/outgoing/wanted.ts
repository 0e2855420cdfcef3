import type { Resolver } from '../../net/dns.ts'
import { type Destination, destinationsIn, tagsOf, type Wanted } from './uri.ts'

type Dns = Pick<Resolver, 'resolveTxt'>

const nobody = (why: string): Wanted => ({ is: 'nobody', why })

/** The one record of a version at a name; null where there is none, or several (RFC 8460 section 3, RFC 7489 section 6.6.3). */
async function recordAt(
  name: string,
  version: RegExp,
  resolver: Dns,
): Promise<string | null | { readonly cause: string }> {
  const answer = await resolver.resolveTxt(name)
  if (answer.is === 'failed') return { cause: answer.cause }
  const records = answer.is === 'found' ? answer.records.filter((text) => version.test(text)) : []
  return records.length === 1 ? (records[0] ?? null) : null
}

/** Whom a domain wants its TLS reports to be sent to: `_smtp._tls`, RFC 8460 section 3. */
export async function tlsWanted(domain: string, resolver: Dns, limit: number): Promise<Wanted> {
  const record = await recordAt(`_smtp._tls.${domain}`, /^v=TLSRPTv1\s*(;|$)/, resolver)
  if (record === null) return nobody('no TLSRPT record')
  if (typeof record !== 'string') return { is: 'failed', cause: record.cause }
  const destinations = destinationsIn(tagsOf(record)?.get('rua') ?? '', false, limit)
  return destinations.length === 0 ? nobody('the TLSRPT record has no rua that we know') : { is: 'found', destinations }
}

/** Whom a domain wants its aggregate reports to be sent to (RFC 7489 section 6.3). Others must have agreed to it. */
export async function dmarcWanted(domain: string, resolver: Dns, limit: number): Promise<Wanted> {
  const record = await recordAt(`_dmarc.${domain}`, /^v\s*=\s*DMARC1\s*(;|$)/, resolver)
  if (record === null) return nobody('no DMARC record')
  if (typeof record !== 'string') return { is: 'failed', cause: record.cause }
  const listed = destinationsIn(tagsOf(record)?.get('rua') ?? '', true, limit).filter(({ by }) => by === 'mail')
  const destinations: Destination[] = []
  for (const destination of listed) {
    const answer = await agrees(domain, destination, resolver)
    if (typeof answer !== 'boolean') return { is: 'failed', cause: answer.cause }
    if (answer) destinations.push(destination)
  }
  if (destinations.length > 0) return { is: 'found', destinations }
  return nobody(
    listed.length === 0
      ? 'the DMARC record has no rua that we know'
      : 'nobody in rua has agreed to it (RFC 7489 section 7.1)',
  )
}

/** RFC 7489 section 7.1: whoever is elsewhere says in the DNS that reports about that domain are welcome. */
async function agrees(
  domain: string,
  destination: Destination,
  resolver: Dns,
): Promise<boolean | { readonly cause: string }> {
  if (destination.by !== 'mail') return false
  const host = destination.to.domain
  if (isSameHouse(domain, host)) return true
  const record = await recordAt(`${domain}._report._dmarc.${host}`, /^v\s*=\s*DMARC1\s*(;|$)/, resolver)
  return typeof record === 'object' && record !== null ? record : record !== null
}

/** One of the two is above the other, and no bare top-level domain. */
const isSameHouse = (a: string, b: string): boolean =>
  a === b || b.endsWith(`.${a}`) || (b.includes('.') && a.endsWith(`.${b}`))

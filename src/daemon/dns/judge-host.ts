import type { X509Certificate } from 'node:crypto'
import type { PeerCertificate } from 'node:tls'
import type { HostAddress, Resolver, TlsaRecord } from '../../net/dns.ts'
import { daneProblem } from '../../transport/dane/match.ts'
import { isUsable, presentation } from '../../transport/dane/tlsa.ts'
import { cannotTell, different, type Judged, missing, ok, type Subject, without } from './judged.ts'
import type { KeyFacts } from './keys.ts'

/** Addresses in one way of writing: IPv6 can be written in many. */
function canonical(address: string): string {
  return address.includes(':') ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address
}

/** Whether a name has exactly the addresses that it should, of one family. */
export async function judgeAddresses({ name, type, records }: Subject, resolver: Resolver): Promise<Judged> {
  const answer = await resolver.resolveAddresses(name)
  if (answer.is === 'failed') return cannotTell(`the DNS does not answer: ${answer.cause}`)
  const all: readonly HostAddress[] = answer.is === 'found' ? answer.records : []
  const found = all.filter(({ family }) => (family === 4) === (type === 'A')).map(({ address }) => address)
  if (!records.every(({ complete }) => complete))
    return cannotTell('our address is not known (publish.addresses)', found)
  return sameSet(
    records.map(({ value }) => canonical(value)),
    found.map(canonical),
  )
}

/** Whether a set is what it should be; says which are too many and too few. */
export function sameSet(wanted: readonly string[], found: readonly string[]): Judged {
  if (found.length === 0) return missing()
  const few = wanted.filter((each) => !found.includes(each))
  const many = found.filter((each) => !wanted.includes(each))
  if (few.length === 0 && many.length === 0) return ok(found)
  const notes = [
    ...(few.length > 0 ? [`${few.join(', ')} is not there`] : []),
    ...(many.length > 0 ? [`${many.join(', ')} is not known here`] : []),
  ]
  return different(found, notes.join('; '))
}

/** RFC 8601 section 2.7.3: a name of the address leads back to it. */
export async function judgeReverse(address: string, wanted: string, resolver: Resolver): Promise<Judged> {
  const answer = await resolver.reverse(address)
  if (answer.is !== 'found') return without(answer) ?? missing()
  const names = answer.records.slice(0, 10)
  const failures: string[] = []
  for (const name of [...names].sort((a, b) => Number(b === wanted) - Number(a === wanted))) {
    const forward = await resolver.resolveAddresses(name)
    if (forward.is === 'failed') failures.push(forward.cause)
    if (forward.is !== 'found' || !leadsTo(forward.records, address)) continue
    return ok(names, name === wanted ? null : `another name than in EHLO, but it leads back to ${address}`)
  }
  if (failures.length > 0) return cannotTell(`the DNS does not answer: ${failures[0]}`, names)
  return different(names, `no such name leads back to ${address}`)
}

const leadsTo = (records: readonly HostAddress[], address: string): boolean =>
  records.some((record) => canonical(record.address) === canonical(address))

/** Whether what is published would let in the certificate in use, and the next key. */
export async function judgeTlsa(
  { name, records: wanted }: Subject,
  { tlsa, chain }: KeyFacts,
  resolver: Resolver,
  now: number,
): Promise<Judged> {
  if (resolver.resolveTlsa === undefined) return cannotTell('DNSSEC is not validated here (dns.validating)')
  const answer = await resolver.resolveTlsa(name)
  if (answer.is !== 'found') return without(answer) ?? missing()
  const found = answer.records.map(presentation)
  const peer = peerOf(chain)
  const usable = answer.records.filter(isUsable)
  const host = name.slice(name.indexOf('._tcp.') + '._tcp.'.length)
  const problem = peer === null ? null : daneProblem(peer, { records: usable, names: [host] }, now)
  if (problem !== null) return different(found, `the certificate in use would be refused: ${problem}`)
  if (tlsa.next !== null && wanted.length > 0 && !usable.some((record) => namesKey(record, tlsa.next ?? '')))
    return different(found, 'the next key (publish.nextKey) is not there yet')
  return answer.authentic ? ok(found) : different(found, 'DNSSEC does not vouch for it, so nobody looks at it')
}

const namesKey = ({ selector, matching, data }: TlsaRecord, digest: string): boolean =>
  selector === 1 && matching === 1 && data.toString('hex') === digest

/** A chain of certificates as a connection would show it. */
function peerOf(chain: readonly X509Certificate[]): PeerCertificate | null {
  const peers = chain.map((certificate) => certificate.toLegacyObject() as PeerCertificate)
  for (const [index, peer] of peers.entries()) {
    const issuer = peers[index + 1]
    if (issuer !== undefined) Object.assign(peer, { issuerCertificate: issuer })
  }
  return peers[0] ?? null
}

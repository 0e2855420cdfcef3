import {
  X509Certificate as Certificate,
  createHash,
  createPublicKey,
  type KeyObject,
  type X509Certificate,
} from 'node:crypto'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import type { TlsaRecord } from '../../net/dns.ts'
import { chainOf, publicKeyInfo } from '../certificate.ts'
import { isEndEntity } from './tlsa.ts'

export interface DaneDemand {
  /** Usable ones. */
  readonly records: readonly TlsaRecord[]
  /** What the certificate may be named after, where a record names an authority: RFC 7672 section 3.2.3. */
  readonly names: readonly string[]
}

/**
 * Whether what a peer showed matches a TLSA record: null, or what does not. RFC 7671 section 5, RFC 7672
 * section 3.1: a record with usage 3 is the only thing that counts then, not names nor dates; with usage 2
 * the chain to the authority must hold, and a name.
 */
export function daneProblem(peer: PeerCertificate, { records, names }: DaneDemand, now: number): string | null {
  const chain = chainOf(peer)
  const [own] = chain
  if (own === undefined) return 'there is no certificate'
  if (records.some((record) => isEndEntity(record) && matches(own, record))) return null
  const authorities = records.filter((record) => !isEndEntity(record))
  if (authorities.length === 0) return 'it matches no TLSA record'
  return authorityProblem(chain, authorities, now) ?? namesProblem(peer, names)
}

function matches(certificate: X509Certificate, { selector, matching, data }: TlsaRecord): boolean {
  const chosen = selector === 0 ? certificate.raw : publicKeyInfo(certificate.raw)
  if (matching === 0) return chosen.equals(data)
  return createHash(matching === 1 ? 'sha256' : 'sha512')
    .update(chosen)
    .digest()
    .equals(data)
}

/** RFC 7672 section 3.1.2: the chain that the peer sent must reach an authority that a record names. */
function authorityProblem(
  chain: readonly X509Certificate[],
  records: readonly TlsaRecord[],
  now: number,
): string | null {
  for (const [i, certificate] of chain.entries()) {
    const problem = dateProblem(certificate, now) ?? (i === 0 ? purposeProblem(certificate) : null)
    if (problem !== null) return problem
    const issuer = chain[i + 1]
    if (issuer !== undefined && !isIssuedBy(certificate, issuer)) return 'its chain does not hold: a signature is wrong'
    if (issuer !== undefined && records.some((record) => matches(issuer, record))) return dateProblem(issuer, now)
    if (records.some((record) => isIssuedByRecord(certificate, record, now))) return null
  }
  return 'no authority in its chain matches a TLSA record'
}

function dateProblem({ validFromDate, validToDate }: X509Certificate, now: number): string | null {
  if (validToDate.getTime() < now) return 'it, or one above it, has expired'
  return validFromDate.getTime() > now ? 'it, or one above it, is not valid yet' : null
}

const SERVER_AUTH = new Set(['1.3.6.1.5.5.7.3.1', '2.5.29.37.0'])

/** RFC 5280 section 4.2.1.12. */
function purposeProblem({ keyUsage }: X509Certificate): string | null {
  // what Node calls keyUsage is extKeyUsage
  const purposes = keyUsage as readonly string[] | undefined
  return purposes === undefined || purposes.some((purpose) => SERVER_AUTH.has(purpose))
    ? null
    : 'it is not meant for servers'
}

/** `checkIssued` looks at names, key identifiers and the right to sign; `verify` at the signature. */
const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)

/** A record that holds the whole authority, or its key, stands for it where the peer does not send it: RFC 7671 section 5.2.2. */
function isIssuedByRecord(
  certificate: X509Certificate,
  { selector, matching, data }: TlsaRecord,
  now: number,
): boolean {
  if (matching !== 0) return false
  if (selector === 1) return certificate.verify(keyOf(data))
  const authority = new Certificate(data)
  return isIssuedBy(certificate, authority) && dateProblem(authority, now) === null
}

const keyOf = (data: Buffer): KeyObject => createPublicKey({ key: data, format: 'der', type: 'spki' })

/** The common name counts where there is no other: RFC 7672 section 3.2.3. */
function namesProblem(peer: PeerCertificate, names: readonly string[]): string | null {
  const holds = names.some((name) => checkServerIdentity(name, peer) === undefined)
  return holds ? null : `it is not for ${names.join(' or ')}`
}

import { createHash, X509Certificate } from 'node:crypto'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'

/** The peer's certificates, its own first, each issued by the next as its name says. Longer chains are cut. */
export const MAX_CHAIN = 10

/** The chain that a peer showed, as OpenSSL put it in order. Signatures are not checked here. */
export function chainOf(peer: PeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = []
  let at: PeerCertificate | undefined = peer
  while (at?.raw !== undefined && chain.length < MAX_CHAIN) {
    chain.push(new X509Certificate(at.raw))
    const issuer: PeerCertificate | undefined =
      'issuerCertificate' in at ? (at.issuerCertificate as PeerCertificate) : undefined
    // a root names itself as its issuer
    at = issuer === at || issuer?.fingerprint256 === at.fingerprint256 ? undefined : issuer
  }
  return chain
}

/** Lower-case hex SHA-256. */
export const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

/**
 * Whether a chain to an authority holds, and one of the names is that of the certificate (RFC 9525): null, or
 * what does not. `authorizationError` as `ClientTls.verify` gets it.
 */
export function pkixProblem(
  peer: PeerCertificate,
  authorizationError: string | null,
  names: readonly string[],
): string | null {
  // Node's own look at the name asks for that of the connection; which names do is decided here
  if (authorizationError !== null && !authorizationError.includes('ERR_TLS_CERT_ALTNAME_INVALID')) {
    return CHAIN_ERRORS[authorizationError] ?? `no chain to a trusted authority (${authorizationError})`
  }
  return nameProblem(peer, names)
}

/** RFC 9525 section 6.3: names are those of subjectAltName; the common name of the subject counts for nothing. */
export function nameProblem(peer: PeerCertificate, names: readonly string[]): string | null {
  const given = peer.subjectaltname ?? ''
  if (given !== '' && names.some((name) => checkServerIdentity(name, peer) === undefined)) return null
  return `it is for ${shownNames(given)}, not for ${names.join(' or ')}`
}

function shownNames(given: string): string {
  const names = given.split(', ').filter((name) => name !== '')
  if (names.length === 0) return 'no name at all (subjectAltName)'
  return names.slice(0, 5).join(', ').slice(0, 300) + (names.length > 5 ? ' and others' : '')
}

const CHAIN_ERRORS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it, or one above it, has expired (CERT_HAS_EXPIRED)',
  CERT_NOT_YET_VALID: 'it is not valid yet (CERT_NOT_YET_VALID)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it vouches for itself (DEPTH_ZERO_SELF_SIGNED_CERT)',
  SELF_SIGNED_CERT_IN_CHAIN: 'its authority is not trusted here (SELF_SIGNED_CERT_IN_CHAIN)',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its authority is not trusted here, or an intermediate is missing (UNABLE_TO_GET_ISSUER_CERT_LOCALLY)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its authority is not trusted here, or an intermediate is missing (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
}

/**
 * SubjectPublicKeyInfo of a certificate, exactly as it stands in it: a digest of a key that was
 * written anew could differ. Throws RangeError for what is no certificate.
 */
export function publicKeyInfo(certificate: Buffer): Buffer {
  const outer = element(certificate, 0)
  const tbs = element(certificate, outer.content)
  let at = tbs.content
  // RFC 5280 section 4.1: [0] version is optional; then serial, algorithm, issuer, validity, subject
  if (certificate[at] === 0xa0) at = element(certificate, at).end
  for (let i = 0; i < 5; i++) at = element(certificate, at).end
  const { end } = element(certificate, at)
  if (end > tbs.end) throw new RangeError('the certificate is cut short')
  return certificate.subarray(at, end)
}

/** Where the content of the DER element at `at` begins, and where it ends. */
function element(der: Buffer, at: number): { content: number; end: number } {
  const first = der.readUInt8(at + 1)
  const more = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || more > 4) throw new RangeError('a length is not DER')
  const length = more === 0 ? first : der.readUIntBE(at + 2, more)
  const content = at + 2 + more
  const end = content + length
  if (end > der.length) throw new RangeError('the certificate is cut short')
  return { content, end }
}

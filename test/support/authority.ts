import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto'
import forge from 'node-forge'

/** A certificate with its key, PEM. */
export interface Issued {
  readonly key: string
  /** Of the certificate alone, and with those above it, as a server sends them. */
  readonly alone: string
  readonly cert: string
  /** Lower-case hex SHA-256 of the certificate, and of its public key (TLSA `3 0 1` and `3 1 1`). */
  readonly fingerprint: string
  readonly publicKeyFingerprint: string
}

export interface IssueOptions {
  /** Milliseconds since 1970; by default a day ago and in a day. */
  readonly from?: number
  readonly until?: number
  /** Only the subject has a name, no subjectAltName. */
  readonly commonNameOnly?: boolean
  readonly clientOnly?: boolean
  /** The right to issue certificates. */
  readonly authority?: boolean
}

export interface Authority extends Issued {
  issue(names: readonly string[], options?: IssueOptions): Issued
  /** An authority below this one. */
  intermediate(name: string, options?: IssueOptions): Authority
}

type Pair = { readonly publicKey: string; readonly privateKey: string }

const DAY_MS = 86_400_000
let serial = 0

/** Making keys is slow; servers of one test file may share them. */
function pair(): Pair {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
}

/** An authority of its own that nobody trusts yet. */
export function makeAuthority(name: string): Authority {
  const keys = pair()
  const leafKeys = pair()
  const subject = [{ name: 'commonName', value: name }]
  const cert = sign(keys, subject, { subject, keys }, [], { authority: true })
  return authority(name, keys, leafKeys, issued(keys, cert, ''), '')
}

function authority(name: string, keys: Pair, leafKeys: Pair, own: Issued, chain: string): Authority {
  const subject = [{ name: 'commonName', value: name }]
  const issuer = { subject, keys }
  return {
    ...own,
    issue(names, options = {}) {
      const title = [{ name: 'commonName', value: names[0] ?? 'nobody' }]
      return issued(leafKeys, sign(leafKeys, title, issuer, names, options), chain)
    },
    intermediate(below, options = {}) {
      const next = pair()
      const title = [{ name: 'commonName', value: below }]
      const cert = sign(next, title, issuer, [], { authority: true, ...options })
      return authority(below, next, leafKeys, issued(next, cert, chain), cert + chain)
    },
  }
}

function issued(keys: Pair, alone: string, chain: string): Issued {
  const certificate = new X509Certificate(alone)
  const publicKey = certificate.publicKey.export({ type: 'spki', format: 'der' })
  return {
    key: keys.privateKey,
    alone,
    cert: alone + chain,
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    publicKeyFingerprint: createHash('sha256').update(publicKey).digest('hex'),
  }
}

type Subject = { name: string; value: string }[]

function sign(
  keys: Pair,
  subject: Subject,
  issuer: { subject: Subject; keys: Pair },
  names: readonly string[],
  { from, until, commonNameOnly = false, clientOnly = false, authority: cA = false }: IssueOptions,
): string {
  const cert = forge.pki.createCertificate()
  cert.publicKey = forge.pki.publicKeyFromPem(keys.publicKey)
  cert.serialNumber = `01${(++serial).toString(16).padStart(6, '0')}`
  cert.validity.notBefore = new Date(from ?? Date.now() - DAY_MS)
  cert.validity.notAfter = new Date(until ?? Date.now() + DAY_MS)
  cert.setSubject(subject)
  cert.setIssuer(issuer.subject)
  const altNames = names.map((value) => (/^[\d.]+$|:/.test(value) ? { type: 7, ip: value } : { type: 2, value }))
  cert.setExtensions([
    { name: 'basicConstraints', cA, critical: true },
    cA
      ? { name: 'keyUsage', keyCertSign: true, cRLSign: true }
      : { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
    ...(cA ? [] : [{ name: 'extKeyUsage', clientAuth: true, ...(clientOnly ? {} : { serverAuth: true }) }]),
    ...(commonNameOnly || altNames.length === 0 ? [] : [{ name: 'subjectAltName', altNames }]),
  ])
  cert.sign(forge.pki.privateKeyFromPem(issuer.keys.privateKey), forge.md.sha256.create())
  return forge.pki.certificateToPem(cert)
}

import { createHash, X509Certificate } from 'node:crypto'
import { type Address, addressKey, parseAddress } from '../mail/address.ts'
import { type Extensions, readExtensions } from './extensions.ts'

/** A certificate that could be read, and what speaks against it. */
export interface Examination {
  readonly x509: X509Certificate
  readonly der: Buffer
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string
  /** In one line. */
  readonly subject: string
  /** Whom it names: as `addressKey` gives them, each once. */
  readonly emails: readonly string[]
  readonly notBefore: number
  readonly notAfter: number
  /** Why mail cannot be encrypted with it; empty: it can. */
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

const MOST_BYTES = 16 * 1024
const LEAST_BITS = 2048
const MOST_BITS = 8192
const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4'
const ANY_USE = '2.5.29.37.0'

/**
 * Looks whether mail can be encrypted with a certificate: RSA, long enough, meant for it, not expired at
 * `now` (milliseconds since 1970). Throws Error, in words, for what is no certificate.
 */
export function examine(certificate: string, now: number): Examination {
  const x509 = read(certificate)
  const extensions = readExtensions(x509.raw)
  const [notBefore, notAfter] = [Date.parse(x509.validFrom), Date.parse(x509.validTo)]
  const early = notBefore > now ? [`it is not valid before ${day(notBefore)}`] : []
  return {
    x509,
    der: x509.raw,
    fingerprint: fingerprintOf(x509.raw),
    subject: oneLine(x509.subject),
    emails: addressesOf(extensions),
    notBefore,
    notAfter,
    problems: [...keyProblems(x509), ...useProblems(extensions), ...dateProblems(notBefore, notAfter, now)],
    warnings: early,
  }
}

export const fingerprintOf = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex')

/** PEM, or base64 of DER. */
function read(certificate: string): X509Certificate {
  // PEM is a third longer than what it holds
  if (certificate.length > 2 * MOST_BYTES) throw new Error(`it is larger than ${MOST_BYTES} bytes`)
  const der = certificate.includes('-----BEGIN') ? certificate : Buffer.from(certificate, 'base64')
  const x509 = parse(der)
  if (x509.raw.length > MOST_BYTES) throw new Error(`it is larger than ${MOST_BYTES} bytes`)
  return x509
}

function parse(certificate: string | Buffer): X509Certificate {
  try {
    return new X509Certificate(certificate)
  } catch {
    throw new Error('it is no certificate, or a damaged one')
  }
}

function addressesOf({ emails }: Extensions): string[] {
  const found = emails.map((text) => parseAddress(text)).filter((address): address is Address => address !== null)
  return [...new Set(found.map(addressKey))]
}

function keyProblems(x509: X509Certificate): string[] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = keyOf(x509)
  if (type === 'rsa-pss') return ['its key is for RSASSA-PSS signatures only, and nothing can be encrypted with it']
  if (type === 'ec' || type === 'x25519' || type === 'ed25519' || type === 'ed448' || type === 'x448') {
    const curve = details?.namedCurve === undefined ? type : `EC, ${details.namedCurve}`
    return [
      `its key is of a kind that is not supported (${curve}): only RSA is; its owner needs an RSA certificate too`,
    ]
  }
  if (type !== 'rsa') return [`its key is of a kind that is not supported (${type ?? 'unknown'}): only RSA is`]
  const bits = details?.modulusLength ?? 0
  if (bits < LEAST_BITS) return [`its RSA key has ${bits} bits, and at least ${LEAST_BITS} are needed`]
  return bits > MOST_BITS ? [`its RSA key has ${bits} bits, and at most ${MOST_BITS} are taken`] : []
}

function keyOf(x509: X509Certificate): Partial<X509Certificate['publicKey']> {
  try {
    return x509.publicKey
  } catch {
    return {}
  }
}

function useProblems({ keyUsage, extendedKeyUsage, notUnderstood }: Extensions): string[] {
  const problems: string[] = []
  if (keyUsage !== null && !keyUsage.includes('keyEncipherment')) {
    const given = keyUsage.length === 0 ? 'nothing' : keyUsage.join(', ')
    problems.push(`its key usage allows ${given}, but not keyEncipherment, which encryption needs`)
  }
  if (extendedKeyUsage?.some((use) => use === EMAIL_PROTECTION || use === ANY_USE) === false)
    problems.push('its extended key usage is not for mail (emailProtection)')
  if (notUnderstood.length > 0) problems.push(`it has critical extensions that are not supported: ${notUnderstood[0]}`)
  return problems
}

function dateProblems(notBefore: number, notAfter: number, now: number): string[] {
  if (!Number.isFinite(notBefore) || !Number.isFinite(notAfter)) return ['its dates cannot be read']
  return notAfter <= now ? [`it expired on ${day(notAfter)}`] : []
}

const day = (ms: number): string => (Number.isFinite(ms) ? new Date(ms).toISOString().slice(0, 10) : '?')

const oneLine = (name: string | undefined): string => (name ?? '').replaceAll('\n', ', ').slice(0, 500)

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

/** What a PEM file of certificates says of its first one, the server's own. */
export interface CertificateFacts {
  /** `CN=relay.example.test`, on one line. */
  readonly subject: string
  readonly issuer: string
  /** DNS names and addresses that it is valid for. */
  readonly names: readonly string[]
  /** Milliseconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
  /** Lower-case hex SHA-256 of the DER. */
  readonly fingerprint: string
  /** How many certificates the file holds, this one included. */
  readonly chain: number
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** Reads the certificates of a PEM text. Throws Error, in words for an operator, if there is none or one is damaged. */
export function readCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(PEM)
  if (blocks === null) throw new Error('holds no certificate in PEM')
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block)
    } catch (error) {
      throw new Error(`its certificate ${index + 1} cannot be read: ${(error as Error).message}`, { cause: error })
    }
  })
}

/** The facts of the first certificate of a PEM text. Throws as `readCertificates` does. */
export function certificateFacts(pem: string): CertificateFacts {
  const certificates = readCertificates(pem)
  const [first] = certificates
  if (first === undefined) throw new Error('holds no certificate in PEM')
  return {
    subject: oneLine(first.subject),
    issuer: oneLine(first.issuer),
    names: namesOf(first),
    notBefore: first.validFromDate.getTime(),
    notAfter: first.validToDate.getTime(),
    fingerprint: first.fingerprint256.replaceAll(':', '').toLowerCase(),
    chain: certificates.length,
  }
}

/** Whether a certificate is valid for a host name or IP address. */
export function certificateNames(pem: string, host: string): boolean {
  const [first] = readCertificates(pem)
  if (first === undefined) return false
  return (isIP(host) === 0 ? first.checkHost(host) : first.checkIP(host)) !== undefined
}

/** Whether a private key (PEM) belongs to the first certificate. Throws Error if the key cannot be read. */
export function keyMatches(certificatePem: string, keyPem: string): boolean {
  const [first] = readCertificates(certificatePem)
  return first?.checkPrivateKey(createPrivateKey(keyPem)) ?? false
}

const oneLine = (name: string | undefined): string => (name ?? '').split('\n').join(', ')

// `DNS:relay.example.test, IP Address:192.0.2.1`; names with commas are quoted by OpenSSL and of no use here
function namesOf({ subjectAltName }: X509Certificate): string[] {
  const entries = (subjectAltName ?? '').split(', ')
  return entries.flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.slice(1) ?? [])
}

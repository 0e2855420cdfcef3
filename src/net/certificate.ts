import { generateKeyPair, randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import forge from 'node-forge'

export { type CertificateFacts, certificateFacts, certificateNames, keyMatches } from '../config/certificate.ts'

export interface SelfSignedOptions {
  /** Host names (A-labels) and IP addresses; the first one is the subject. At least one. */
  readonly names: readonly string[]
  /** Default 365. */
  readonly days?: number
  /** Of the RSA key. Default 2048; 3072 takes a few seconds longer to make. */
  readonly bits?: 2048 | 3072 | 4096
  /** From when it is valid, milliseconds since 1970. */
  readonly now: number
}

export interface SelfSigned {
  /** PEM. */
  readonly certificate: string
  /** PKCS #8 PEM. Belongs in a file of mode 0600. */
  readonly key: string
}

const generate = promisify(generateKeyPair)
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/**
 * Makes a key and a certificate that vouches for itself: for first steps and for tests. Other
 * servers encrypt to it but cannot know whom they talk to. Throws RangeError without a name.
 */
export async function makeSelfSigned({ names, days = 365, bits = 2048, now }: SelfSignedOptions): Promise<SelfSigned> {
  if (names.length === 0) throw new RangeError('a certificate needs at least one name')
  const { publicKey, privateKey } = await generate('rsa', { modulusLength: bits })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey.export({ type: 'spki', format: 'pem' }).toString())
  certificate.serialNumber = serialNumber()
  // an hour back, for peers whose clocks are slow
  certificate.validity.notBefore = new Date(now - HOUR_MS)
  certificate.validity.notAfter = new Date(now + days * DAY_MS)
  const subject = [{ name: 'commonName', value: names[0] ?? '' }]
  certificate.setSubject(subject)
  certificate.setIssuer(subject)
  certificate.setExtensions(extensions(names))
  certificate.sign(forge.pki.privateKeyFromPem(key), forge.md.sha256.create())
  return { certificate: forge.pki.certificateToPem(certificate), key }
}

// RFC 5280 section 4.1.2.2: positive, at most 20 octets, and not to be guessed
const serialNumber = (): string => `01${randomBytes(15).toString('hex')}`

const extensions = (names: readonly string[]) => [
  { name: 'basicConstraints', cA: false, critical: true },
  { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
  { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
  { name: 'subjectAltName', altNames: names.map(alternativeName) },
]

// GeneralName, RFC 5280 section 4.2.1.6: 2 is dNSName, 7 iPAddress
const alternativeName = (name: string) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name })

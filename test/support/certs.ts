import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import forge from 'node-forge'

/** A self-signed certificate with its key, as PEM text and as files. */
export interface Certificate {
  readonly key: string
  readonly cert: string
  readonly keyFile: string
  readonly certFile: string
  /** Lower-case hex SHA-256 of the DER. */
  readonly fingerprint: string
}

const DAY_MS = 86_400_000

/** Makes a certificate for `names` (DNS names or IP addresses; the first one is the subject), valid for a day, in `folder/name.pem` and `folder/name.key`. */
export function makeCertificate(folder: string, name: string, names: readonly string[]): Certificate {
  const pair = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const cert = selfSigned(pair.publicKey, pair.privateKey, names)
  const files = { keyFile: join(folder, `${name}.key`), certFile: join(folder, `${name}.pem`) }
  writeFileSync(files.keyFile, pair.privateKey, { mode: 0o600 })
  writeFileSync(files.certFile, cert)
  return { key: pair.privateKey, cert, ...files, fingerprint: fingerprintOf(cert) }
}

/** Lower-case hex SHA-256 of a certificate's DER. */
export const fingerprintOf = (cert: string | Buffer): string =>
  new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase()

function selfSigned(publicKey: string, privateKey: string, names: readonly string[]): string {
  const cert = forge.pki.createCertificate()
  cert.publicKey = forge.pki.publicKeyFromPem(publicKey)
  // RFC 5280 4.1.2.2: positive, so the first bit is kept clear
  cert.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(12))}`
  cert.validity.notBefore = new Date(Date.now() - DAY_MS)
  cert.validity.notAfter = new Date(Date.now() + DAY_MS)
  const subject = [{ name: 'commonName', value: names[0] ?? 'localhost' }]
  cert.setSubject(subject)
  cert.setIssuer(subject)
  cert.setExtensions([
    { name: 'basicConstraints', cA: true },
    { name: 'subjectAltName', altNames: names.map(alternativeName) },
  ])
  cert.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create())
  return forge.pki.certificateToPem(cert)
}

const IP = /^[\d.]+$|:/
const alternativeName = (name: string) => (IP.test(name) ? { type: 7, ip: name } : { type: 2, value: name })

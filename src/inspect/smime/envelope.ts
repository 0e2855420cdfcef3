import { constants, createCipheriv, publicEncrypt, randomBytes } from 'node:crypto'
import { type NamedCertificate, readCertificate } from './certificate.ts'
import { nothing, objectId, octets, sequence, setOf, smallInteger, tagged, taggedOctets } from './der.ts'
import { OID } from './oids.ts'

const KEY_BYTES = 32
const IV_BYTES = 16
/** NIST SP 800-131A: nothing shorter. */
const LEAST_RSA_BITS = 2048

/**
 * ContentInfo with EnvelopedData (RFC 5652 section 6), DER: AES-256-CBC (RFC 3565), and the key for each
 * certificate by RSA PKCS#1 v1.5, which is what every mail program opens. Throws Error for a certificate
 * that cannot be used so.
 */
export function enveloped(content: Uint8Array, certificates: readonly string[]): Buffer {
  const key = randomBytes(KEY_BYTES)
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-cbc', key, iv)
  const encrypted = Buffer.concat([cipher.update(content), cipher.final()])
  const recipients = certificates.map((pem) => recipientInfo(readCertificate(pem), key))
  key.fill(0)
  const algorithm = sequence(objectId(OID.aes256Cbc), octets(iv))
  const encryptedContent = sequence(objectId(OID.data), algorithm, taggedOctets(0, encrypted))
  // version 0: every recipient is named by issuer and serial number (section 6.1)
  const data = sequence(smallInteger(0), setOf(...recipients), encryptedContent)
  return contentInfo(OID.envelopedData, data)
}

export const contentInfo = (type: string, content: Buffer): Buffer => sequence(objectId(type), tagged(0, content))

/** KeyTransRecipientInfo, section 6.2.1. */
function recipientInfo({ x509, issuerAndSerial }: NamedCertificate, key: Buffer): Buffer {
  const { publicKey } = x509
  const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0
  if (publicKey.asymmetricKeyType !== 'rsa' || bits < LEAST_RSA_BITS)
    throw new Error(`a certificate has no RSA key of at least ${LEAST_RSA_BITS} bits`)
  const wrapped = publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, key)
  const algorithm = sequence(objectId(OID.rsaEncryption), nothing())
  return sequence(smallInteger(0), issuerAndSerial, algorithm, octets(wrapped))
}

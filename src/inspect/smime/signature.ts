import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { readCertificate } from './certificate.ts'
import { nothing, objectId, octets, sequence, setOf, smallInteger, tagged, time } from './der.ts'
import type { SmimeSigner } from './encrypt-job.ts'
import { contentInfo } from './envelope.ts'
import { OID } from './oids.ts'

const LEAST_RSA_BITS = 2048

/**
 * ContentInfo with SignedData (RFC 5652 section 5) over content that is not in it, DER: SHA-256 with RSA,
 * the certificate and its chain along with it. `now`: milliseconds since 1970. Throws Error if the key is
 * not RSA or not that of the certificate.
 */
export function detachedSignature(content: Uint8Array, { key, certificate, chain = [] }: SmimeSigner, now: number) {
  const signer = readCertificate(certificate)
  const privateKey = typeof key === 'string' ? createPrivateKey(key) : key
  checkKey(privateKey, signer.x509.publicKey)
  const attributes = signedAttributes(content, now)
  // signed as the SET that it is, and not under the tag that it travels with (section 5.4)
  const signature = sign('sha256', setOf(...attributes), privateKey)
  const digest = sequence(objectId(OID.sha256))
  const info = sequence(
    smallInteger(1),
    signer.issuerAndSerial,
    digest,
    tagged(0, ...attributes.toSorted(Buffer.compare)),
    sequence(objectId(OID.rsaEncryption), nothing()),
    octets(signature),
  )
  const certificates = [signer.x509.raw, ...chain.map((pem) => readCertificate(pem).x509.raw)]
  const encapsulated = sequence(objectId(OID.data))
  const all = [setOf(digest), encapsulated, tagged(0, ...certificates.toSorted(Buffer.compare)), setOf(info)]
  return contentInfo(OID.signedData, sequence(smallInteger(1), ...all))
}

function checkKey(privateKey: KeyObject, publicKey: KeyObject): void {
  const { asymmetricKeyType, asymmetricKeyDetails } = privateKey
  if (asymmetricKeyType !== 'rsa' || (asymmetricKeyDetails?.modulusLength ?? 0) < LEAST_RSA_BITS)
    throw new Error(`the key that signs is no RSA key of at least ${LEAST_RSA_BITS} bits`)
  if (!createPublicKey(privateKey).equals(publicKey))
    throw new Error('the key that signs is not the one of its certificate')
}

const attribute = (type: string, value: Buffer): Buffer => sequence(objectId(type), setOf(value))

function signedAttributes(content: Uint8Array, now: number): Buffer[] {
  const hash = createHash('sha256').update(content).digest()
  return [
    attribute(OID.contentType, objectId(OID.data)),
    attribute(OID.signingTime, time(now)),
    attribute(OID.messageDigest, octets(hash)),
    // RFC 8551 section 2.5.2: what answers may be encrypted with
    attribute(OID.smimeCapabilities, sequence(sequence(objectId(OID.aes256Cbc)))),
  ]
}

import { constants, createHash, type KeyObject, verify, X509Certificate } from 'node:crypto'
import forge from 'node-forge'
import { decodeBody, type Part, readMime } from '../../mail/mime/index.ts'
import { childrenOf, fromDer, readCertificate, toDer } from './certificate.ts'
import { OID } from './oids.ts'
import type { SignerFound } from './signer-job.ts'

type Asn1 = forge.asn1.Asn1

const MOST_SIGNATURE_BYTES = 64 * 1024
const MOST_CERTIFICATES = 10
const PROTOCOLS: ReadonlySet<string> = new Set(['application/pkcs7-signature', 'application/x-pkcs7-signature'])

const HASHES: Readonly<Record<string, string>> = {
  [OID.sha256]: 'sha256',
  [OID.sha384]: 'sha384',
  [OID.sha512]: 'sha512',
}
const RSA: ReadonlySet<string> = new Set([OID.rsaEncryption, OID.sha256WithRsa, OID.sha384WithRsa, OID.sha512WithRsa])

/** It is not signed in a way that can be verified here. */
class Unverified extends Error {}

/** Who signed a message with CRLF line ends. Never throws. */
export function signerOf(message: Buffer): SignerFound {
  try {
    const { content, signature } = signedParts(message)
    return { signer: verified(content, signature) }
  } catch (error) {
    // whatever the parsers throw at hostile bytes says nothing to people
    return { signer: null, why: error instanceof Unverified ? error.message : 'its signature is damaged' }
  }
}

/** RFC 1847 section 2.1: exactly two parts, and the first is signed with its header, without the line end in front of the boundary. */
function signedParts(message: Buffer): { readonly content: Buffer; readonly signature: Buffer } {
  const { root, complete } = readMime(message)
  const [first, second, ...more] = root.children
  if (
    root.type.full !== 'multipart/signed' ||
    first === undefined ||
    second === undefined ||
    more.length > 0 ||
    !complete
  )
    throw new Unverified('it is not signed')
  if (!PROTOCOLS.has(protocolOf(root)) || !PROTOCOLS.has(second.type.full)) throw new Unverified('it is not S/MIME')
  const signature = decodeBody(message, second, MOST_SIGNATURE_BYTES)
  if (!signature.complete) throw new Unverified('its signature is too large')
  return { content: message.subarray(first.headerStart, first.bodyEnd), signature: signature.bytes }
}

const protocolOf = ({ type }: Part): string => (type.parameters.get('protocol')?.text ?? '').toLowerCase()

/** RFC 5652 section 5.1. */
interface SignedData {
  readonly certificates: readonly Buffer[]
  /** SignerInfo, section 5.3. */
  readonly info: readonly Asn1[]
}

function readSignedData(der: Buffer): SignedData {
  const [type, explicit] = childrenOf(fromDer(der))
  if (type === undefined || oidOf(type) !== OID.signedData) throw new Unverified('it holds no signed data')
  const fields = childrenOf(childrenOf(explicit)[0])
  const certificates = childrenOf(fields.find(isTagged(0))).map(toDer)
  const infos = childrenOf(fields.at(-1))
  if (certificates.length > MOST_CERTIFICATES) throw new Unverified('too many certificates came along')
  if (infos.length !== 1) throw new Unverified('it has not exactly one signer')
  return { certificates, info: childrenOf(infos[0]) }
}

function verified(content: Buffer, der: Buffer) {
  const { certificates, info } = readSignedData(der)
  const [, named, digest] = info
  const rest = info.slice(3)
  const attributes = rest.find(isTagged(0))
  const [algorithm, signature] = rest.filter((each) => !isTagged(0)(each) && !isTagged(1)(each))
  if (named === undefined || signature === undefined) throw new Unverified('its signature is damaged')
  const hash = HASHES[firstOid(digest)]
  if (hash === undefined) throw new Unverified('its hash is not supported')
  const at = certificates.findIndex((each) => readCertificate(each).issuerAndSerial.equals(toDer(named)))
  const signer = certificates[at]
  if (signer === undefined) throw new Unverified('the certificate of its signer did not come along')
  const { publicKey } = new X509Certificate(signer)
  if (publicKey.asymmetricKeyType !== 'rsa' || !RSA.has(firstOid(algorithm)))
    throw new Unverified('its signature is of a kind that is not supported: only RSA is')
  const signed = attributes === undefined ? content : signedAttributes(attributes, hashOf(hash, content))
  if (!holds(hash, signed, publicKey, bytesOf(signature))) throw new Unverified('its signature does not hold')
  return { certificate: pemOf(signer), others: certificates.filter((_, i) => i !== at).map(pemOf) }
}

const hashOf = (hash: string, content: Buffer): Buffer => createHash(hash).update(content).digest()

const holds = (hash: string, signed: Buffer, key: KeyObject, signature: Buffer): boolean =>
  verify(hash, signed, { key, padding: constants.RSA_PKCS1_PADDING }, signature)

/** What is signed where there are attributes: they, as a SET OF, and they must name the content (section 5.4). */
function signedAttributes(attributes: Asn1, digest: Buffer): Buffer {
  const values = (type: string) =>
    childrenOf(attributes)
      .map(childrenOf)
      .filter(([id]) => id !== undefined && oidOf(id) === type)
      .map(([, set]) => childrenOf(set)[0])
  const [named, ...others] = values(OID.messageDigest)
  const [type] = values(OID.contentType)
  if (named === undefined || others.length > 0 || !bytesOf(named).equals(digest))
    throw new Unverified('its signature is of another content')
  if (type === undefined || oidOf(type) !== OID.data) throw new Unverified('its signature is not of mail')
  const set = forge.asn1.create(forge.asn1.Class.UNIVERSAL, forge.asn1.Type.SET, true, [...childrenOf(attributes)])
  return toDer(set)
}

const firstOid = (algorithm: Asn1 | undefined): string => {
  const [id] = childrenOf(algorithm)
  return id === undefined ? '' : oidOf(id)
}

function bytesOf({ value }: Asn1): Buffer {
  if (typeof value !== 'string') throw new Unverified('its signature is damaged')
  return Buffer.from(value, 'latin1')
}

const oidOf = (value: Asn1): string => forge.asn1.derToOid(forge.util.createBuffer(bytesOf(value).toString('latin1')))

const isTagged =
  (number: number) =>
  (value: Asn1): boolean =>
    value.tagClass === forge.asn1.Class.CONTEXT_SPECIFIC && (value.type as number) === number

const pemOf = (der: Buffer): string => new X509Certificate(der).toString()

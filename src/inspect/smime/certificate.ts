import { X509Certificate } from 'node:crypto'
import forge from 'node-forge'

type Asn1 = forge.asn1.Asn1

/** A certificate, and how CMS names it. */
export interface NamedCertificate {
  readonly x509: X509Certificate
  /** IssuerAndSerialNumber of RFC 5652 section 10.2.4, DER. */
  readonly issuerAndSerial: Buffer
}

const MOST_BYTES = 64 * 1024
const MOST_DEPTH = 32
const CONTEXT_SPECIFIC = 0x80

/** Throws Error, in words, for what is no certificate. */
export function readCertificate(pemOrDer: string | Uint8Array): NamedCertificate {
  if (pemOrDer.length > MOST_BYTES) throw new Error(`a certificate of ${pemOrDer.length} bytes is too large`)
  const x509 = parse(pemOrDer)
  return { x509, issuerAndSerial: issuerAndSerialOf(x509.raw) }
}

function parse(pemOrDer: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(pemOrDer)
  } catch {
    throw new Error('it is no certificate')
  }
}

/** Certificate > TBSCertificate > [0] version, serialNumber, signature, issuer (RFC 5280 section 4.1). */
function issuerAndSerialOf(der: Buffer): Buffer {
  const fields = childrenOf(childrenOf(fromDer(der))[0])
  const [serial, , issuer] = fields[0]?.tagClass === CONTEXT_SPECIFIC ? fields.slice(1) : fields
  if (serial === undefined || issuer === undefined) throw new Error('it is no certificate')
  const { asn1 } = forge
  return toDer(asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, [issuer, serial]))
}

// the types know no options
const parseDer = forge.asn1.fromDer as unknown as (bytes: forge.util.ByteBuffer, options: object) => Asn1

/** Bounded in depth; throws Error whatever node-forge throws. */
export function fromDer(der: Uint8Array): Asn1 {
  try {
    const options = { strict: true, parseAllBytes: true, decodeBitStrings: false, maxDepth: MOST_DEPTH }
    return parseDer(forge.util.createBuffer(Buffer.from(der).toString('latin1')), options)
  } catch {
    throw new Error('its structure is damaged')
  }
}

export const toDer = (value: Asn1): Buffer => Buffer.from(forge.asn1.toDer(value).getBytes(), 'latin1')

/** The elements of a constructed one; none of any other. */
export const childrenOf = (value: Asn1 | undefined): readonly Asn1[] =>
  value?.constructed === true && Array.isArray(value.value) ? value.value : []

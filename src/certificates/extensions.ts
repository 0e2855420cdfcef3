import forge from 'node-forge'

type Asn1 = forge.asn1.Asn1

/** What node:crypto does not tell of a certificate. */
export interface Extensions {
  /** Addresses in the alternative names, then those in the subject; as written. */
  readonly emails: readonly string[]
  /** Names of key usages (RFC 5280 section 4.2.1.3); null where there is no such extension. */
  readonly keyUsage: readonly string[] | null
  /** Object identifiers; null where there is no such extension. */
  readonly extendedKeyUsage: readonly string[] | null
  /** Null: without a bound. */
  readonly pathLength: number | null
  /** Object identifiers of critical extensions that nobody here understands. */
  readonly notUnderstood: readonly string[]
}

const OID = {
  subjectAltName: '2.5.29.17',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  basicConstraints: '2.5.29.19',
  certificatePolicies: '2.5.29.32',
  nameConstraints: '2.5.29.30',
  emailAddress: '1.2.840.113549.1.9.1',
} as const

const UNDERSTOOD: ReadonlySet<string> = new Set([
  OID.subjectAltName,
  OID.keyUsage,
  OID.extendedKeyUsage,
  OID.basicConstraints,
  OID.certificatePolicies,
])

const USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
]

const MOST_DEPTH = 32
const MOST_EMAILS = 20

interface Extension {
  readonly oid: string
  readonly critical: boolean
  readonly value: Asn1
}

/** Throws Error, in words, for what cannot be read. `der` must be bounded by the caller. */
export function readExtensions(der: Uint8Array): Extensions {
  try {
    return extensionsOf(tbsFields(der))
  } catch {
    // node-forge throws many things, which say nothing to people
    throw new Error('it is a damaged certificate')
  }
}

function extensionsOf(fields: readonly Asn1[]): Extensions {
  const found = extensionList(fields)
  const one = (oid: string) => found.find((extension) => extension.oid === oid)?.value
  const usage = one(OID.keyUsage)
  const extended = one(OID.extendedKeyUsage)
  const alternative = children(one(OID.subjectAltName)).filter(isTagged(1)).map(text)
  // a constraint on names that is not checked must not count as one that holds, critical or not
  const unknown = found.filter(({ oid, critical }) => (critical && !UNDERSTOOD.has(oid)) || oid === OID.nameConstraints)
  return {
    emails: [...alternative, ...subjectEmails(fields)].slice(0, MOST_EMAILS),
    keyUsage: usage === undefined ? null : usageNames(text(usage)),
    extendedKeyUsage: extended === undefined ? null : children(extended).map(oidOf),
    pathLength: pathLengthOf(one(OID.basicConstraints)),
    notUnderstood: unknown.map(({ oid }) => oid),
  }
}

/** RFC 5280 section 4.1: the fields of the TBSCertificate. */
function tbsFields(der: Uint8Array): readonly Asn1[] {
  return children(children(parse(Buffer.from(der).toString('latin1')))[0])
}

// the types know no options
const fromDer = forge.asn1.fromDer as unknown as (bytes: forge.util.ByteBuffer, options: object) => Asn1
const OPTIONS = { strict: true, parseAllBytes: true, decodeBitStrings: false, maxDepth: MOST_DEPTH }
const parse = (bytes: string): Asn1 => fromDer(forge.util.createBuffer(bytes), OPTIONS)

function extensionList(fields: readonly Asn1[]): Extension[] {
  return children(children(fields.find(isTagged(3)))[0]).map((each) => {
    const [id, ...rest] = children(each)
    const flag = rest.length > 1 ? rest[0] : undefined
    const value = rest.at(-1)
    if (id === undefined || value === undefined) throw new Error('an extension is damaged')
    return { oid: oidOf(id), critical: flag !== undefined && text(flag) !== '\0', value: parse(text(value)) }
  })
}

/** `subject`: the sixth field, behind the version in its tag. */
function subjectEmails(fields: readonly Asn1[]): string[] {
  const subject = fields[isTagged(0)(fields[0]) ? 5 : 4]
  const attributes = children(subject).flatMap(children).map(children)
  return attributes.flatMap(([id, value]) =>
    id !== undefined && value !== undefined && oidOf(id) === OID.emailAddress ? [text(value)] : [],
  )
}

/** A BIT STRING: how many bits of its last octet are unused, then the octets. */
function usageNames(bits: string): string[] {
  return USAGES.filter((_, i) => ((bits.charCodeAt(1 + Math.floor(i / 8)) || 0) & (0x80 >> (i % 8))) !== 0)
}

function pathLengthOf(constraints: Asn1 | undefined): number | null {
  const length = children(constraints).find(({ type }) => type === forge.asn1.Type.INTEGER)
  return length === undefined ? null : forge.asn1.derToInteger(forge.util.createBuffer(text(length)))
}

const children = (value: Asn1 | undefined): readonly Asn1[] =>
  value?.constructed === true && Array.isArray(value.value) ? value.value : []

function text({ value }: Asn1): string {
  if (typeof value !== 'string') throw new Error('a value is damaged')
  return value
}

const oidOf = (value: Asn1): string => forge.asn1.derToOid(forge.util.createBuffer(text(value)))

const isTagged =
  (number: number) =>
  (value: Asn1 | undefined): boolean =>
    value?.tagClass === forge.asn1.Class.CONTEXT_SPECIFIC && (value.type as number) === number

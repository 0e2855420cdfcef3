import type { AnomalyKind } from './anomaly.ts'
import { decoderFor, isUtf7 } from './charset.ts'
import type { MimeLimits } from './limits.ts'
import { type FieldValue, parseFieldValue } from './parameters.ts'
import type { ContentType, Encoding, FileName, PartField } from './part.ts'

/** What the MIME fields of one header say (RFC 2045). */
export interface Entity {
  readonly type: ContentType
  readonly otherTypes: readonly FieldValue[]
  readonly encoding: Encoding
  readonly disposition: string | null
  readonly charset: string | null
  readonly fileNames: readonly FileName[]
  readonly boundary: string | null
  readonly flaws: ReadonlySet<AnomalyKind>
}

type Flaws = Set<AnomalyKind>

/** `byDefault`: the type where no field gives one; message/rfc822 in a multipart/digest (RFC 2046 section 5.1.5). */
export function describe(fields: readonly PartField[], byDefault: string, limits: MimeLimits): Entity {
  if (fields.length === 0 && byDefault === PLAIN) return BARE
  const flaws: Flaws = new Set()
  const types = valuesOf(fields, 'content-type', flaws).map((value) => parseFieldValue(value, limits.parameters))
  const [disposition] = valuesOf(fields, 'content-disposition', flaws)
  const given = types[0]
  const type = contentType(given, byDefault, flaws)
  const disposed = disposition === undefined ? null : parseFieldValue(disposition, limits.parameters)
  for (const found of [...types, disposed]) for (const flaw of found?.flaws ?? []) flaws.add(flaw)
  if (disposed !== null && !TOKEN.test(disposed.value)) flaws.add('malformed-disposition')
  const encoding = encodingOf(fields, type, flaws)
  return {
    type,
    otherTypes: types.slice(1),
    encoding,
    disposition: disposed?.value ?? null,
    charset: charsetOf(type, flaws),
    fileNames: namesOf(given, disposed, flaws),
    boundary: type.type === 'multipart' ? boundaryOf(type, flaws) : null,
    flaws,
  }
}

const PLAIN = 'text/plain'
const TOKEN = /^[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+$/
const TYPE = /^([!#$%&'*+.0-9^_`a-z{|}~-]+)\/([!#$%&'*+.0-9^_`a-z{|}~-]+)$/

const BARE: Entity = {
  type: { full: PLAIN, type: 'text', subtype: 'plain', parameters: new Map(), implicit: true },
  otherTypes: [],
  encoding: '7bit',
  disposition: null,
  charset: null,
  fileNames: [],
  boundary: null,
  flaws: new Set(),
}

/** The different values of a field that may stand once. */
function valuesOf(fields: readonly PartField[], name: string, flaws: Flaws): readonly string[] {
  const values = fields.filter((field) => field.name === name).map(({ value }) => value)
  const different = [...new Set(values.map((value) => value.trim()))]
  if (values.length > 1) flaws.add(different.length > 1 ? 'conflicting-field' : 'duplicate-field')
  return different.slice(0, 10)
}

function contentType(given: FieldValue | undefined, byDefault: string, flaws: Flaws): ContentType {
  const [full, type, subtype] = TYPE.exec(given?.value ?? '') ?? []
  const parameters = given?.parameters ?? BARE.type.parameters
  if (full !== undefined && type !== undefined && subtype !== undefined) {
    return { full, type, subtype, parameters, implicit: false }
  }
  if (given !== undefined) flaws.add('malformed-type')
  const [a = '', b = ''] = byDefault.split('/')
  return { full: byDefault, type: a, subtype: b, parameters, implicit: true }
}

const ENCODINGS: Readonly<Record<string, Encoding>> = {
  '7bit': '7bit',
  '8bit': '8bit',
  binary: 'binary',
  'quoted-printable': 'quoted-printable',
  base64: 'base64',
  'x-uuencode': 'uuencode',
  'x-uue': 'uuencode',
  uuencode: 'uuencode',
}

function encodingOf(fields: readonly PartField[], type: ContentType, flaws: Flaws): Encoding {
  const [value] = valuesOf(fields, 'content-transfer-encoding', flaws)
  if (value === undefined) return '7bit'
  const parsed = parseFieldValue(value, 1)
  for (const flaw of parsed.flaws) flaws.add(flaw)
  const encoding = Object.hasOwn(ENCODINGS, parsed.value) ? ENCODINGS[parsed.value] : undefined
  if (encoding === undefined) flaws.add('unknown-encoding')
  if (!isIdentity(encoding ?? 'unknown')) {
    if (type.type === 'multipart') flaws.add('encoded-multipart')
    else if (type.full === 'message/rfc822' || type.full === 'message/partial') flaws.add('encoded-message')
  }
  return encoding ?? 'unknown'
}

/** Whether the body's bytes are the content's bytes. */
export const isIdentity = (encoding: Encoding): boolean =>
  encoding === '7bit' || encoding === '8bit' || encoding === 'binary'

function charsetOf({ type, parameters }: ContentType, flaws: Flaws): string | null {
  const label = parameters.get('charset')?.text.trim().toLowerCase() ?? null
  if (label === null || label === '') return null
  if (isUtf7(label)) flaws.add('charset-utf7')
  else if (type === 'text' && decoderFor(label) === null) flaws.add('charset-unknown')
  return label
}

// RFC 2046 section 5.1.1: bchars, and what programs use besides
const BCHARS = /^[0-9A-Za-z'()+_,\-./:=? ]+$/
const MAX_BOUNDARY = 70
/** Longer ones are no boundary to us. */
const LONGEST_BOUNDARY = 1000

function boundaryOf({ parameters }: ContentType, flaws: Flaws): string | null {
  const given = parameters.get('boundary')
  if (given === undefined || given.raw.trim() === '') {
    flaws.add('boundary-missing')
    return null
  }
  const boundary = given.raw.trimEnd()
  if (!given.sound || boundary !== given.raw || /[^\x20-\x7e]/.test(boundary) || given.text !== given.raw) {
    flaws.add('boundary-malformed')
  } else if (!BCHARS.test(boundary)) flaws.add('boundary-odd')
  if (boundary.length > MAX_BOUNDARY) flaws.add('boundary-too-long')
  return boundary.length > LONGEST_BOUNDARY ? null : boundary
}

/** What readers show first comes first: the disposition's name, RFC 2231's form of it. */
function namesOf(type: FieldValue | undefined, disposition: FieldValue | null, flaws: Flaws): readonly FileName[] {
  const found = new Map<string, FileName>()
  for (const [field, from] of [
    [disposition, 'filename'],
    [type, 'name'],
  ] as const) {
    for (const parameter of [field?.parameters.get(from), field?.shadowed.get(from)]) {
      if (parameter === undefined) continue
      const { text, raw, sound } = parameter
      if (!sound || text.includes('\ufffd')) flaws.add('malformed-name')
      if (DECEPTIVE.test(text)) flaws.add('deceptive-name')
      if (!found.has(text)) found.set(text, { text, raw, from })
    }
  }
  const names = [...found.values()]
  if (new Set(names.map(({ text }) => extension(text))).size > 1) flaws.add('conflicting-names')
  return names
}

// control characters, and Unicode's marks, embeddings, overrides and isolates of direction
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const DECEPTIVE = /[\u0000-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069]/

const extension = (name: string): string => /\.([^.]*)$/.exec(name.trim())?.[1]?.toLowerCase() ?? ''

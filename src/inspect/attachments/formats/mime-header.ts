/** Header fields of one entity, names in lower case; values unfolded. */
export type MimeHeader = ReadonlyMap<string, readonly string[]>

export interface MimeValue {
  /** In lower case. */
  readonly value: string
  /** Names in lower case; values with the pieces and encodings of RFC 2231 undone. */
  readonly parameters: ReadonlyMap<string, string>
}

const MOST_PARAMETERS = 64

/** Reads fields from the text of a header (RFC 5322, 2.2). Lines that are none are passed over. */
export function readMimeHeader(text: string): MimeHeader {
  const fields = new Map<string, string[]>()
  for (const line of text.replace(/\r?\n[ \t]+/gu, ' ').split(/\r?\n|\r/u)) {
    const found = /^([!-9;-~]{1,76})[ \t]*:(.*)$/su.exec(line)
    if (found === null) continue
    const name = (found[1] ?? '').toLowerCase()
    const value = (found[2] ?? '').trim()
    const values = fields.get(name)
    if (values === undefined) fields.set(name, [value])
    else values.push(value)
  }
  return fields
}

/** RFC 2045, 5.1, and RFC 2231, 3 and 4. */
export function readMimeValue(text: string): MimeValue {
  const value = (/^[^;]*/u.exec(text)?.[0] ?? '').trim().toLowerCase()
  const raw = new Map<string, string>()
  for (const found of text.matchAll(/;\s*([^\s=;]{1,64})\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))/gu)) {
    if (raw.size >= MOST_PARAMETERS) break
    const name = (found[1] ?? '').toLowerCase()
    if (!raw.has(name)) raw.set(name, found[2]?.replace(/\\(.)/gu, '$1') ?? (found[3] ?? '').trim())
  }
  return { value, parameters: joined(raw) }
}

function joined(raw: ReadonlyMap<string, string>): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const [name, value] of raw) {
    const [base = ''] = name.split('*')
    if (base === name) parameters.set(name, decodeWords(value))
  }
  for (const name of raw.keys()) {
    const [base = ''] = name.split('*')
    if (base !== name && !parameters.has(base)) parameters.set(base, extended(raw, base))
  }
  return parameters
}

function extended(raw: ReadonlyMap<string, string>, base: string): string {
  const whole = raw.get(`${base}*`)
  if (whole !== undefined) return decodeExtended(whole)
  const pieces: string[] = []
  for (let i = 0; i < MOST_PARAMETERS; i++) {
    const piece = raw.get(`${base}*${i}`) ?? raw.get(`${base}*${i}*`)
    if (piece === undefined) break
    pieces.push(piece)
  }
  return raw.has(`${base}*0*`) ? decodeExtended(pieces.join('')) : decodeWords(pieces.join(''))
}

/** `charset'language'percent-encoded`. */
function decodeExtended(text: string): string {
  const found = /^([^']*)'[^']*'(.*)$/su.exec(text)
  const bytes = (found?.[2] ?? text).replace(/%([0-9a-f]{2})/giu, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return decodeText(Buffer.from(bytes, 'latin1'), found?.[1] ?? 'utf-8')
}

/** RFC 2047, also in quoted strings, where it has no business but is common. */
export function decodeWords(text: string): string {
  return text
    .replace(/(=\?[^?\s]{1,40}\?[bq]\?[^?]*\?=)\s+(?==\?)/giu, '$1')
    .replace(/=\?([^?\s]{1,40})\?([bq])\?([^?]*)\?=/giu, (_, charset: string, kind: string, data: string) =>
      decodeText(kind.toLowerCase() === 'b' ? Buffer.from(data, 'base64') : quoted(data.replaceAll('_', ' ')), charset),
    )
}

const quoted = (text: string): Buffer =>
  Buffer.from(
    text.replace(/=([0-9a-f]{2})/giu, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )

function decodeText(bytes: Buffer, charset: string): string {
  try {
    return new TextDecoder(charset.replace(/\*.*$/u, '') || 'utf-8').decode(bytes)
  } catch {
    return bytes.toString('latin1')
  }
}

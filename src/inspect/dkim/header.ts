/** One field of a header as it stands, each byte a character (latin1), without its last CRLF. */
export interface RawField {
  /** As written, without white space around it. */
  readonly name: string
  readonly text: string
}

// RFC 5322 section 2.2, with the white space that obsolete syntax takes before the colon
const FIELD = /^[!-9;-~]+[ \t]*:/

/**
 * The fields of a header. A line that is no field belongs to the field above it, as some programs
 * would show it: so it can only break a signature, never hide from one. `bytes` may end with the empty line.
 */
export function rawFields(bytes: Buffer): RawField[] {
  const lines = bytes.toString('latin1').split('\r\n')
  while (lines.at(-1) === '') lines.pop()
  const starts: number[] = []
  for (const [at, line] of lines.entries()) if (at === 0 || FIELD.test(line)) starts.push(at)
  return starts.map((start, i) => {
    const text = lines.slice(start, starts[i + 1] ?? lines.length).join('\r\n')
    return { name: nameOf(text), text }
  })
}

const nameOf = (text: string): string => text.slice(0, Math.max(0, text.indexOf(':'))).trim()

/** A field in the relaxed form of RFC 6376 section 3.4.2, without CRLF. */
export function relaxedField(text: string): string {
  const colon = text.indexOf(':')
  const value = text
    .slice(colon + 1)
    .replace(/\r\n/g, '')
    .replace(/[ \t]+/g, ' ')
  return `${text.slice(0, colon).trim().toLowerCase()}:${trimSpace(value)}`
}

/** At most one space stands at either end. */
const trimSpace = (text: string): string =>
  text.slice(text.startsWith(' ') ? 1 : 0, text.endsWith(' ') && text.length > 1 ? -1 : undefined)

/** Where the body begins: after the empty line. -1 where the bytes have none. */
export function bodyStart(bytes: Buffer): number {
  if (bytes[0] === 13 && bytes[1] === 10) return 2
  const at = bytes.indexOf('\r\n\r\n', 0, 'latin1')
  return at < 0 ? -1 : at + 4
}

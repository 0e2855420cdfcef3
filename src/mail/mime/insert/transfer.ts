import { QuotedPrintableTokens } from '../quoted-printable.ts'

const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const EQUALS = 61
/** RFC 2045 section 6.7 rule 5, the equals sign at the end included. */
const MAX_LINE = 76

/** Bytes with CRLF line ends as quoted-printable. */
export function toQuotedPrintable(bytes: Buffer): Buffer {
  const lines: string[] = []
  let start = 0
  for (let at = bytes.indexOf('\r\n'); at >= 0; at = bytes.indexOf('\r\n', start)) {
    lines.push(encodedLine(bytes.subarray(start, at)))
    start = at + 2
  }
  lines.push(encodedLine(bytes.subarray(start)))
  return Buffer.from(lines.join('\r\n'), 'latin1')
}

function encodedLine(line: Buffer): string {
  let text = ''
  let length = 0
  for (const [i, byte] of line.entries()) {
    const isLast = i === line.length - 1
    const token = quoted(byte, isLast)
    if (length + token.length > (isLast ? MAX_LINE : MAX_LINE - 1)) {
      text += '=\r\n'
      length = 0
    }
    text += token
    length += token.length
  }
  return text
}

function quoted(byte: number, isLast: boolean): string {
  const isWhite = byte === SPACE || byte === TAB
  const isPlain = isWhite ? !isLast : byte > SPACE && byte < 127 && byte !== EQUALS
  return isPlain ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
}

/** Where in quoted-printable the decoded byte with that index is written. Null if there is none. */
export function quotedPlace(body: Buffer, index: number): { readonly start: number; readonly end: number } | null {
  const tokens = new QuotedPrintableTokens(body, true)
  let decoded = 0
  while (tokens.next()) {
    const { kind, start, end } = tokens
    const length = kind === 'literal' ? end - start : kind === 'soft' || kind === 'blank' ? 0 : 1
    if (index < decoded + length) {
      return kind === 'literal' ? { start: start + index - decoded, end: start + index - decoded + 1 } : { start, end }
    }
    decoded += length
  }
  return null
}

/** Whether quoted-printable ends with an equals sign that waits for its line end. */
export function endsOpen(body: Buffer): boolean {
  let at = body.length - 1
  while (at >= 0 && (body[at] === SPACE || body[at] === TAB)) at--
  return body[at] === EQUALS
}

/** Bytes as base64, in lines as long as those of `old`. */
export function toBase64(bytes: Buffer, old: Buffer): Buffer {
  const text = bytes.toString('base64')
  const width = widthOf(old)
  const lines: string[] = []
  for (let at = 0; at < text.length; at += width) lines.push(text.slice(at, at + width))
  const end = old.length > 0 && endsWithBreak(old) ? '\r\n' : ''
  return Buffer.from(lines.join('\r\n') + end, 'latin1')
}

function widthOf(old: Buffer): number {
  const newline = old.indexOf(LF)
  const width = newline < 0 ? 0 : newline - (old[newline - 1] === CR ? 1 : 0)
  return width >= 4 && width <= MAX_LINE && width % 4 === 0 ? width : MAX_LINE
}

export const endsWithBreak = (bytes: Buffer): boolean => bytes.at(-1) === LF

import { badParameter, repeatedParameter, unknownParameter, type WireReply } from './replies.ts'

/** Parameters of MAIL or RCPT by upper-case keyword; null where there is no value. */
export type Parameters = ReadonlyMap<string, string | null>

// RFC 5321 section 4.1.2 with RFC 6531 section 3.3: esmtp-keyword, esmtp-value
const PARAMETER = /^([A-Za-z0-9][A-Za-z0-9-]{0,63})(?:=([\x21-\x3c\x3e-\x7e\u00a0-\u{10ffff}]+))?$/u

/** Reads `KEY=VALUE KEY …`; `known` are the keywords that the command takes (RFC 5321 section 4.1.1.11). */
export function parseParameters(text: string, known: ReadonlySet<string>): Parameters | WireReply {
  const found = new Map<string, string | null>()
  for (const part of text.split(' ')) {
    if (part === '') continue
    const [, name, value] = PARAMETER.exec(part) ?? []
    if (name === undefined) return badParameter('a parameter')
    const key = name.toUpperCase()
    if (!known.has(key)) return unknownParameter(key)
    if (found.has(key)) return repeatedParameter(key)
    found.set(key, value ?? null)
  }
  return found
}

// RFC 3461 section 4: xchar and hexchar, with at least one of them
const XTEXT = /^(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})+$/
const HEXCHAR = /\+([0-9A-F]{2})/g

/** The text that xtext stands for; null if it is not xtext, or hides anything but printable ASCII. */
export function decodeXtext(text: string): string | null {
  if (!XTEXT.test(text)) return null
  const decoded = text.replace(HEXCHAR, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return /^[\x20-\x7e]*$/.test(decoded) ? decoded : null
}

import type { Address } from './address.ts'
import { formatPath, isAscii, parseDomain } from './address.ts'

/** What a Received field tells, RFC 5321 section 4.4. */
export interface TraceFacts {
  /** As the peer gave it; may hold anything. */
  readonly helo: string | null
  readonly remoteAddress: string
  /** The verified reverse name, or null. */
  readonly remoteName: string | null
  /** Our own name. */
  readonly hostname: string
  /** RFC 3848 and RFC 6531 section 4.3. */
  readonly protocol: string
  readonly tls: { readonly protocol: string; readonly cipher: string } | null
  /** Queue id, or what else names the message in our logs. */
  readonly id: string
  /** The only recipient; null where there are several: the field must not tell one of the other (RFC 5321 section 7.2). */
  readonly recipient: Address | null
  /** Milliseconds since 1970. */
  readonly receivedAt: number
}

const WIDTH = 78
const MAX_HELO = 255

/** The Received field, folded under 78 columns where its words allow it, with its CRLF. */
export function receivedField(facts: TraceFacts): string {
  const words = [...fromClause(facts), ...byClause(facts)]
  if (facts.tls !== null) words.push(`(${word(facts.tls.protocol)} ${word(facts.tls.cipher)})`)
  if (facts.recipient !== null) words.push(`for ${formatPath(facts.recipient)}`)
  words[words.length - 1] += ';'
  words.push(messageDate(facts.receivedAt))
  return `${fold('Received:', words)}\r\n`
}

/** A HELO name that is no domain stands in the comment only, and there without what could end it. */
function fromClause({ helo, remoteAddress, remoteName }: TraceFacts): string[] {
  const literal = addressLiteral(remoteAddress)
  const known = remoteName === null ? literal : `${word(remoteName)} ${literal}`
  const domain = helo === null ? null : parseDomain(helo)
  if (helo !== null && domain !== null) return [`from ${isAscii(helo) ? helo : domain}`, `(${known})`]
  return [`from ${literal}`, `(${helo === null ? known : `${known} helo=${word(helo)}`})`]
}

const byClause = ({ hostname, protocol, id }: TraceFacts): string[] => [
  `by ${hostname} (Postern)`,
  `with ${protocol}`,
  `id ${id}`,
]

/** Without spaces, controls, parentheses and whatever else could end a comment or start a field. */
const word = (text: string): string => text.slice(0, MAX_HELO).replace(/[^A-Za-z0-9._:=+[\]-]/g, '?')

/** `[192.0.2.1]`, `[IPv6:2001:db8::1]`: RFC 5321 section 4.1.3. */
export function addressLiteral(address: string): string {
  const text = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
  return text.includes(':') ? `[IPv6:${word(text)}]` : `[${word(text)}]`
}

function fold(name: string, words: readonly string[]): string {
  let text = name
  let column = name.length
  for (const part of words) {
    if (column + 1 + part.length >= WIDTH && column > 1) {
      text += `\r\n\t${part}`
      column = 8 + part.length
    } else {
      text += ` ${part}`
      column += 1 + part.length
    }
  }
  return text
}

/**
 * The protocol's name in `with`: RFC 3848 (ESMTP, ESMTPS, ESMTPA, ESMTPSA), RFC 6531 section 4.3 for
 * SMTPUTF8 transactions.
 */
export function protocolName(how: { extended: boolean; utf8: boolean; tls: boolean; signedIn: boolean }): string {
  if (!how.extended) return 'SMTP'
  return `${how.utf8 ? 'UTF8SMTP' : 'ESMTP'}${how.tls ? 'S' : ''}${how.signedIn ? 'A' : ''}`
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

/** A date-time of RFC 5322 section 3.3, in UTC. */
export function messageDate(timeMs: number): string {
  const d = new Date(timeMs)
  const time = [d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()].map(twoDigits).join(':')
  return `${DAYS[d.getUTCDay()]}, ${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()} ${time} +0000`
}

const twoDigits = (n: number): string => (n < 10 ? `0${n}` : String(n))

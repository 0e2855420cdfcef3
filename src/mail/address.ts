import { toASCII } from 'tr46'

/** A mailbox as RFC 5321 section 4.1.2 and RFC 6531 section 3.3 define it, checked, with its domain normalised. */
export interface Address {
  /** As written, quotes included. Case is kept: it belongs to the receiving system. */
  readonly local: string
  /** Lower-case A-labels (`xn--…`), or an address literal with its brackets. */
  readonly domain: string
}

// Octets, RFC 5321 section 4.5.3.1
const MAX_LOCAL = 64
const MAX_DOMAIN = 255
const MAX_PATH = 254

// atext, and characters above ASCII (RFC 6531 section 3.3) but for blanks and controls, which no next hop would take
const ATOM = /^[^\s\p{Cc}\p{Cs}"(),.:;<>@[\\\]]+$/u
// qtextSMTP and quoted-pairSMTP
const QUOTED = /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e\u00a0-\u{10ffff}]|\\[\x20-\x7e])*"$/u
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
const LITERAL_V4 = /^\[(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!\])|(?=\]))){4}\]$/
const LITERAL_V6 = /^\[IPv6:[0-9a-f:.]{2,45}\]$/i

/**
 * Reads `local@domain`, without angle brackets. Null if it is not a mailbox: bad syntax,
 * over-long parts, a domain that IDNA refuses. Characters above ASCII are taken only with `utf8`.
 */
export function parseAddress(text: string, { utf8 = false }: { utf8?: boolean } = {}): Address | null {
  const at = text.lastIndexOf('@')
  if (at < 1 || Buffer.byteLength(text) > MAX_PATH) return null
  const local = text.slice(0, at)
  if (!isLocal(local) || (!utf8 && !isAscii(text))) return null
  const domain = parseDomain(text.slice(at + 1))
  return domain === null ? null : { local, domain }
}

function isLocal(local: string): boolean {
  if (Buffer.byteLength(local) > MAX_LOCAL) return false
  return local.startsWith('"') ? QUOTED.test(local) : local.split('.').every((atom) => ATOM.test(atom))
}

/** A domain name as lower-case A-labels, or an address literal; null if it is neither. A final dot is not part of SMTP's grammar and is refused. */
export function parseDomain(text: string): string | null {
  if (text.startsWith('[')) return LITERAL_V4.test(text) || LITERAL_V6.test(text) ? text.toLowerCase() : null
  const ascii = isAscii(text) ? text.toLowerCase() : toASCII(text, IDNA)
  if (ascii === null || ascii.length === 0 || ascii.length > MAX_DOMAIN) return null
  return ascii.split('.').every((label) => LABEL.test(label)) ? ascii : null
}

const IDNA = {
  checkBidi: true,
  checkHyphens: true,
  checkJoiners: true,
  useSTD3ASCIIRules: false,
  verifyDNSLength: true,
} as const

// biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range
const ASCII = /^[\x00-\x7f]*$/
export const isAscii = (text: string): boolean => ASCII.test(text)

/** `local@domain`. */
export const formatAddress = (address: Address): string => `${address.local}@${address.domain}`

/** `<local@domain>`, `<>` for the null reverse-path. */
export const formatPath = (path: Address | null): string => (path === null ? '<>' : `<${formatAddress(path)}>`)

/** Whether an address needs SMTPUTF8 to travel. */
export const needsUtf8 = (address: Address): boolean => !isAscii(address.local)

/** For comparison in policy: local parts are compared without case, as every deployed system does. */
export const addressKey = (address: Address): string => formatAddress(address).toLowerCase()

import { isIP } from 'node:net'
import { parseDomain } from '../mail/address.ts'

/**
 * Where recipients wait for: the spool's key for fairness and back-off, as text in rows, commands
 * and tables.
 *
 *     destination = domain            ; example.org: the way that the route table says
 *                 / literal           ; [192.0.2.1], [ipv6:2001:db8::1]: likewise, RFC 5321 4.1.3
 *                 / "[" host "]:" port         ; [mail.example.org]:25: this host, without MX
 *                 / "lmtp:[" host "]:" port    ; likewise over LMTP
 *                 / "lmtp:" path               ; lmtp:/run/dovecot/lmtp: a Unix socket
 *     host        = domain / IPv4 address / IPv6 address
 *     port        = 1..65535
 *
 * Text in this form is canonical. `parseDestination` also takes `mail.example.org:25` and
 * `10.1.2.3:25`, as people type them.
 */
export type Destination =
  | { readonly is: 'domain'; readonly domain: string }
  | { readonly is: 'host'; readonly protocol: 'smtp' | 'lmtp'; readonly host: string; readonly port: number }
  | { readonly is: 'socket'; readonly path: string }

const BRACKETED = /^\[([^\][]{1,255})\]:(\d{1,5})$/
const PLAIN = /^([^\][:]{1,255}):(\d{1,5})$/
// Linux, sun_path
const SOCKET = /^\/[^\p{Cc}]{1,106}$/u
const LMTP = 'lmtp:'

/** Reads a destination as an operator types it or the spool keeps it; null if it is none. */
export function parseDestination(text: string): Destination | null {
  if (text.startsWith(LMTP)) {
    const rest = text.slice(LMTP.length)
    return SOCKET.test(rest) ? { is: 'socket', path: rest } : hostAndPort(rest, 'lmtp')
  }
  const host = hostAndPort(text, 'smtp')
  if (host !== null) return host
  const domain = parseDomain(text)
  return domain === null ? null : { is: 'domain', domain }
}

function hostAndPort(text: string, protocol: 'smtp' | 'lmtp'): Destination | null {
  const [, name = '', digits = ''] = BRACKETED.exec(text) ?? PLAIN.exec(text) ?? []
  const host = isIP(name) === 0 ? hostName(name) : name.toLowerCase()
  const port = Number(digits)
  return host === null || port < 1 || port > 65_535 ? null : { is: 'host', protocol, host, port }
}

/** A name of digits and dots is a mistyped address. */
function hostName(name: string): string | null {
  return name.startsWith('[') || /^[\d.]*$/.test(name) ? null : parseDomain(name)
}

/** The canonical text: two destinations are the same if their texts are. */
export function formatDestination(destination: Destination): string {
  if (destination.is === 'domain') return destination.domain
  if (destination.is === 'socket') return `${LMTP}${destination.path}`
  return `${destination.protocol === 'lmtp' ? LMTP : ''}[${destination.host}]:${destination.port}`
}

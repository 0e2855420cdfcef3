import { isIP } from 'node:net'
import { parseDomain } from '../mail/address.ts'

/** A host (name, or IP address without brackets) and a port. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Where a message goes next: a host, or the Unix socket of an LMTP server. */
export type NextHop = HostPort | { readonly path: string }

const PORT = /^\d{1,5}$/
const BRACKETED = /^\[([^\]]{2,45})\](?::(\d{1,5}))?$/

/** Reads `host`, `host:port`, `10.1.2.3:25`, `[2001:db8::1]:25`, `2001:db8::1`. Undefined if it is none. */
export function parseHostPort(input: unknown, defaultPort: number): HostPort | undefined {
  if (typeof input !== 'string') return undefined
  const text = input.trim()
  if (isIP(text) !== 0) return { host: text, port: defaultPort }
  const [, v6, v6Port] = BRACKETED.exec(text) ?? []
  if (v6 !== undefined) return isIP(v6) === 6 ? withPort(v6, v6Port, defaultPort) : undefined
  const [name = '', port, ...rest] = text.split(':')
  const host = rest.length > 0 ? null : parseHost(name)
  return host === null ? undefined : withPort(host, port, defaultPort)
}

/** An IP address as it stands, or a domain name as lower-case A-labels; null if it is neither. */
export function parseHost(text: string): string | null {
  if (isIP(text) !== 0) return text
  const domain = text.startsWith('[') ? null : parseDomain(text.endsWith('.') ? text.slice(0, -1) : text)
  // a name of digits and dots is a mistyped IPv4 address, not a host
  return domain === null || /^[\d.]+$/.test(domain) ? null : domain
}

function withPort(host: string, digits: string | undefined, defaultPort: number): HostPort | undefined {
  if (digits === undefined) return { host, port: defaultPort }
  const port = PORT.test(digits) ? Number(digits) : Number.NaN
  return port >= 0 && port <= 65535 ? { host, port } : undefined
}

/** `host:port`, IPv6 in brackets. */
export const formatHostPort = ({ host, port }: HostPort): string =>
  isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`

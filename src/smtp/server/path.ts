import { type Address, isAscii, parseAddress, parseDomain } from '../../mail/address.ts'

/** The argument of MAIL or RCPT, taken apart. */
export interface PathArgument {
  /** Between the angle brackets, a source route taken off; '' is the null path. */
  readonly path: string
  /** What follows: the parameters. */
  readonly rest: string
}

// Quoted strings may hold `>`
const BRACKETED = /^<((?:"(?:[^"\\]|\\.)*"|[^">])*)>(?: +(.*))?$/u
const NAKED = /^([^<> ]+)(?: +(.*))?$/u
const ROUTE = /^(@[^:"]*):/

/**
 * Reads `FROM:<path> parameters`. Blanks after the colon are taken, since many devices send them;
 * a path without brackets only where `lenient`. Null if it is neither.
 */
export function parsePathArgument(args: string, keyword: 'FROM' | 'TO', lenient: boolean): PathArgument | null {
  if (args.slice(0, keyword.length + 1).toUpperCase() !== `${keyword}:`) return null
  const text = args.slice(keyword.length + 1).trimStart()
  const [, path, rest] = BRACKETED.exec(text) ?? (lenient ? NAKED.exec(text) : null) ?? []
  if (path === undefined) return null
  const end = withoutRoute(path)
  return end === null ? null : { path: end, rest: rest ?? '' }
}

// RFC 5321 appendix C: a source route is checked for syntax and otherwise ignored
function withoutRoute(path: string): string | null {
  const [whole, route] = ROUTE.exec(path) ?? []
  if (whole === undefined || route === undefined) return path
  const hops = route.split(',').every((hop) => hop.startsWith('@') && parseDomain(hop.slice(1)) !== null)
  return hops && whole.length < path.length ? path.slice(whole.length) : null
}

/** The address; `needsUtf8` if only SMTPUTF8 would make it one (RFC 6531 section 3.5); null if nothing would. */
export function readAddress(path: string, smtputf8: boolean): Address | 'needsUtf8' | null {
  const address = parseAddress(path, { utf8: smtputf8 })
  if (address !== null || smtputf8 || isAscii(path)) return address
  return parseAddress(path, { utf8: true }) === null ? null : 'needsUtf8'
}

import { isDeepStrictEqual } from 'node:util'
import { type SecureDomain, type SecureRegister, standingOf } from '../../mail/secure-domain.ts'
import { type ColumnName, fieldsOf, formatDay } from './columns.ts'

/**
 * In what the mail of a domain would be protected less, or by something else, once `after` stands in
 * the register: one line each, for a person to confirm. Looks at what protects the domain now, be that
 * its own entry or one above it. `now` in milliseconds since 1970.
 */
export function weakenings(register: SecureRegister, after: SecureDomain, now: number): string[] {
  const standing = standingOf(after.domain, register, now)
  if (standing.is !== 'secure') return []
  const before = standing.entry
  const own = before.domain === after.domain
  const found = [...weakerIn(before, after, now), ...(own ? weakerBelow(before, after) : [])]
  return found.map((what) => (own ? what : `${what} (the entry ${before.domain} protects it now)`))
}

function* weakerIn(before: SecureDomain, after: SecureDomain, now: number): Iterable<string> {
  if (after.status === 'retired') return yield 'is not secure any more: retired'
  if (after.expiresOn <= now) return yield `is not secure any more: expired on ${formatDay(after.expiresOn)}`
  const [was, is] = [before.requirement, after.requirement]
  const change = (column: ColumnName) => changeOf(column, before, after)
  if (STRENGTH[is.prove] < STRENGTH[was.prove]) yield change('requirement')
  if (is.fingerprints.some((hex) => !was.fingerprints.includes(hex)) && was.prove === 'pinned')
    yield change('fingerprints')
  if (is.minTls < was.minTls) yield change('min-tls')
  if (was.ciphers !== null && !is.ciphers?.every((name) => was.ciphers?.includes(name))) yield change('ciphers')
  if (before.nextHop !== null && !isDeepStrictEqual(before.nextHop, after.nextHop)) yield change('next-hop')
}

const STRENGTH = { verified: 1, dane: 2, pinned: 3 } as const

function* weakerBelow(before: SecureDomain, after: SecureDomain): Iterable<string> {
  if (before.subdomains && !after.subdomains) yield 'the names below it are not covered any more'
}

function changeOf(column: ColumnName, before: SecureDomain, after: SecureDomain): string {
  const shown = (entry: SecureDomain) => fieldsOf(entry)[column] || 'nothing'
  return `${column}: ${shown(before)} becomes ${shown(after)}`
}

import { type Address, addressKey, parseAddress, parseDomain } from '../mail/address.ts'

/** Whom a client may send as. */
export type SenderPattern =
  | { readonly is: 'any' }
  /** `<>`, the null reverse-path of bounces. */
  | { readonly is: 'null' }
  /** One address, as `addressKey` gives it. */
  | { readonly is: 'address'; readonly key: string }
  /** `@domain`, or `@*.domain` for every name below it (but not the domain itself). */
  | { readonly is: 'domain'; readonly domain: string; readonly below: boolean }

const DOMAIN = /^\*?@(\*\.)?([^@*]+)$/

/** Reads `nurse@a.test`, `@a.test` (or `*@a.test`), `@*.a.test`, `<>` and `*`. Undefined if it is none. */
export function parseSenderPattern(input: unknown): SenderPattern | undefined {
  if (typeof input !== 'string') return undefined
  const text = input.trim()
  if (text === '*') return { is: 'any' }
  if (text === '<>') return { is: 'null' }
  const [, star, name] = DOMAIN.exec(text) ?? []
  if (name !== undefined) return domainPattern(name, star !== undefined)
  // a star is a legal letter of an address, but whoever writes one means a pattern
  const address = text.includes('*') ? null : parseAddress(text, { utf8: true })
  return address === null ? undefined : { is: 'address', key: addressKey(address) }
}

function domainPattern(name: string, below: boolean): SenderPattern | undefined {
  const domain = parseDomain(name)
  return domain === null ? undefined : { is: 'domain', domain, below }
}

/** Whether one of the patterns allows a reverse-path. `*` allows every address and the null reverse-path. */
export function senderAllowed(patterns: readonly SenderPattern[], from: Address | null): boolean {
  return patterns.some((pattern) => allows(pattern, from))
}

function allows(pattern: SenderPattern, from: Address | null): boolean {
  if (pattern.is === 'any') return true
  if (from === null) return pattern.is === 'null'
  if (pattern.is === 'address') return pattern.key === addressKey(from)
  if (pattern.is === 'null') return false
  return pattern.below ? from.domain.endsWith(`.${pattern.domain}`) : from.domain === pattern.domain
}

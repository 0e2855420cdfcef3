/** A domain that mail must only reach over a proven path: one line of the register. */
export interface SecureDomain {
  /** Lower-case A-labels, without a leading dot. */
  readonly domain: string
  /** Whether every name below it is meant, too. */
  readonly subdomains: boolean
  readonly requirement: PathRequirement
  /** Where its mail goes, whatever routes or the DNS say; null: the way that it would go anyway. */
  readonly nextHop: { readonly host: string; readonly port: number } | null
  /** Who answers for the entry, in words. */
  readonly owner: string
  /** Milliseconds since 1970: midnight UTC at the start of the day. */
  readonly reviewedOn: number
  /** From this moment on it is no longer secure: midnight UTC at the start of the day. */
  readonly expiresOn: number
  /** Two different people. */
  readonly approvers: readonly [string, string]
  readonly status: 'active' | 'retired'
}

/** What a path must prove, beside being TLS. */
export interface PathRequirement {
  /**
   * `verified`: a chain to an authority, and the right name (RFC 9525). `dane`: TLSA records that DNSSEC
   * vouches for (RFC 7672). `pinned`: one of the certificates that are listed here.
   */
  readonly prove: 'verified' | 'dane' | 'pinned'
  /** SHA-256 over the certificate (DER), lower-case hex; with `pinned` only, at least one. */
  readonly fingerprints: readonly string[]
  readonly minTls: 'TLSv1.2' | 'TLSv1.3'
  /** OpenSSL's names, those of TLS 1.3 among them; null: the service's own list. */
  readonly ciphers: readonly string[] | null
}

/** Every entry that there is, active or not. */
export interface SecureRegister {
  readonly exact: ReadonlyMap<string, SecureDomain>
  /** Entries with `subdomains`, by their domain: they count for every name below it, the longest first. */
  readonly below: ReadonlyMap<string, SecureDomain>
}

export const EMPTY_REGISTER: SecureRegister = { exact: new Map(), below: new Map() }

/** What the register says about a domain: nothing, that it is secure, or why it no longer is. */
export type SecureStanding =
  | { readonly is: 'unknown' }
  | { readonly is: 'secure'; readonly entry: SecureDomain }
  | { readonly is: 'retired' | 'expired'; readonly entry: SecureDomain }

export function registerOf(entries: readonly SecureDomain[]): SecureRegister {
  const below = entries.filter(({ subdomains }) => subdomains)
  return {
    exact: new Map(entries.map((entry) => [entry.domain, entry])),
    below: new Map(below.map((entry) => [entry.domain, entry])),
  }
}

/** `domain` in lower-case A-labels; `now` in milliseconds since 1970. An entry of its own counts before those above it. */
export function standingOf(domain: string, register: SecureRegister, now: number): SecureStanding {
  const entry = register.exact.get(domain) ?? entryAbove(domain, register)
  if (entry === null) return { is: 'unknown' }
  if (entry.status === 'retired') return { is: 'retired', entry }
  return entry.expiresOn <= now ? { is: 'expired', entry } : { is: 'secure', entry }
}

function entryAbove(domain: string, { below }: SecureRegister): SecureDomain | null {
  for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
    const entry = below.get(domain.slice(dot + 1))
    if (entry) return entry
  }
  return null
}

import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { EMPTY_REGISTER, type SecureDomain, type SecureRegister, standingOf } from '../../mail/secure-domain.ts'
import { fieldsOf } from './columns.ts'
import { replaceFile } from './write.ts'

/** One domain that was secure when the configuration last came into force. */
interface KeptDomain {
  readonly domain: string
  /** Milliseconds since 1970: from then on nobody misses it. */
  readonly expiresOn: number
  /** Over what its path must prove: whether it is still the same. */
  readonly digest: string
}

/** Somebody says that domains may be gone. */
export interface Acceptance {
  /** ISO 8601. */
  readonly at: string
  readonly by: string
  readonly reason: string
  readonly domains: readonly string[]
  /** ISO 8601: the start that went ahead because of it. Null: none yet. It counts once. */
  readonly usedAt: string | null
}

/** What the state folder knows of the register that was last in force, whatever has become of its file. */
export interface KeptRegister {
  readonly secure: readonly KeptDomain[]
  /** Oldest first. */
  readonly accepted: readonly Acceptance[]
}

/** `none`: nothing was ever in force here, or the state comes from a backup. */
export type ReadKept =
  | { readonly is: 'none' }
  | { readonly is: 'kept'; readonly kept: KeptRegister }
  | { readonly is: 'unreadable'; readonly why: string }

const NAME = 'secure-domains.json'
const FORMAT = 1
const LONGEST_FILE = 2 ** 26
const MOST_ACCEPTANCES = 100

export const keptFile = (stateDir: string): string => join(stateDir, NAME)

/** Never throws. */
export function readKept(stateDir: string): ReadKept {
  const file = keptFile(stateDir)
  try {
    if (statSync(file).size > LONGEST_FILE) return { is: 'unreadable', why: 'it is too large' }
    return { is: 'kept', kept: checked(JSON.parse(readFileSync(file, 'utf8'))) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? { is: 'none' } : { is: 'unreadable', why: message }
  }
}

function checked(found: { readonly format?: unknown } & KeptRegister): KeptRegister {
  const { format, secure, accepted } = found
  const domains = (each: KeptDomain) => typeof each.domain === 'string' && Number.isFinite(each.expiresOn)
  const names = (each: Acceptance) => Array.isArray(each.domains) && typeof each.by === 'string'
  if (format !== FORMAT || !secure.every(domains) || !accepted.every(names))
    throw new Error('it is not what was written')
  return { secure, accepted }
}

/** Whole or not at all, and on stable storage when it returns; its owner is the folder's. Throws the system's error. */
export function writeKept(stateDir: string, kept: KeptRegister): void {
  const { uid, gid } = statSync(stateDir)
  const isRoot = process.getuid?.() === 0
  const owner = isRoot ? { uid, gid } : { uid: process.getuid?.() ?? uid, gid: process.getgid?.() ?? gid }
  const accepted = kept.accepted.slice(-MOST_ACCEPTANCES)
  const text = JSON.stringify({ format: FORMAT, ...kept, accepted })
  replaceFile(keptFile(stateDir), { ...owner, mode: 0o600 }, `${text}\n`)
}

/** What is kept of a register that comes into force. `now` in milliseconds since 1970. */
export function keptOf(register: SecureRegister | null, before: ReadKept, now: number): KeptRegister {
  const entries = [...(register ?? EMPTY_REGISTER).exact.values()]
  const secure = entries
    .filter(({ status, expiresOn }) => status === 'active' && expiresOn > now)
    .map((entry) => ({ domain: entry.domain, expiresOn: entry.expiresOn, digest: digestOf(entry) }))
  const accepted = before.is === 'kept' ? before.kept.accepted : []
  const usedAt = new Date(now).toISOString()
  return { secure, accepted: accepted.map((each) => ({ ...each, usedAt: each.usedAt ?? usedAt })) }
}

function digestOf(entry: SecureDomain): string {
  const { requirement, fingerprints, subdomains, ciphers, ...fields } = fieldsOf(entry)
  const what = [requirement, fingerprints, subdomains, ciphers, fields['min-tls'], fields['next-hop']]
  return createHash('sha256').update(JSON.stringify(what)).digest('base64url')
}

/**
 * Those of `domains` that a register has no entry for any more and does not protect in another way. A retired or
 * expired entry is one: it says that somebody meant it.
 */
export function missingFrom(register: SecureRegister | null, domains: readonly string[], now: number): string[] {
  const known = register ?? EMPTY_REGISTER
  return domains.filter((domain) => !known.exact.has(domain) && standingOf(domain, known, now).is !== 'secure')
}

/** Domains that were secure when a configuration last came into force, whose time is not over, and that nobody let go. */
export function lostSince({ secure, accepted }: KeptRegister, register: SecureRegister | null, now: number): string[] {
  const letGo = new Set(accepted.filter(({ usedAt }) => usedAt === null).flatMap(({ domains }) => domains))
  const wanted = secure.filter(({ domain, expiresOn }) => expiresOn > now && !letGo.has(domain))
  return missingFrom(
    register,
    wanted.map(({ domain }) => domain),
    now,
  )
}

/** Domains that must prove something else than when a configuration last came into force. */
export function changedSince({ secure }: KeptRegister, register: SecureRegister | null): string[] {
  const now = (domain: string) => (register ?? EMPTY_REGISTER).exact.get(domain)
  return secure.flatMap(({ domain, digest }) => {
    const entry = now(domain)
    return entry === undefined || (entry.status === 'active' && digestOf(entry) === digest) ? [] : [domain]
  })
}

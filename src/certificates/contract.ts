import type { Address } from '../mail/address.ts'

/** Certificates of people whom mail can be encrypted for, by their address. */
export interface Certificates {
  /** Usable ones, the one that became valid last first. From memory, at once; never throws. */
  find(address: Address): readonly { readonly fingerprint: string; readonly pem: string }[]
  /** All of them or, where one is refused, none; the answer says of each what it is. Resolves when they are on stable storage. */
  add(request: AddRequest): Promise<Addition>
  /** Of signed mail. The answer says whether it was taken, and if not, why. */
  learn(request: LearnRequest): Promise<{ readonly taken: boolean; readonly why: string | null }>
  /** In the order in which they were first added. */
  list(filter: CertificateFilter): CertificatePage
  /** Marks what the text names (an address, or a fingerprint) as no longer to be used. Gives what it changed. */
  expire(of: string, by: string): Promise<readonly CertificateEntry[]>
  summary(): CertificateSummary
  /** Reads what other options name, and gives what puts them in force. Rejects if the authorities cannot be read. */
  prepare(options: CertificateOptions): Promise<() => void>
  close(): Promise<void>
}

export interface CertificateOptions {
  /** A file of authorities' certificates, PEM; null: none is trusted. */
  readonly authorities: string | null
  /** `pinned`: an operator's word is enough. `chain`: an operator's certificates too need a chain to the authorities. */
  readonly trust: 'chain' | 'pinned'
  /** Entries in memory at the most. Default 100,000. */
  readonly limit?: number
}

export interface AddRequest {
  /** Each PEM, or base64 of DER. */
  readonly certificates: readonly string[]
  /** Whose they are; null: those whom they name. */
  readonly address: Address | null
  readonly by: string
  /** Only say what would be. */
  readonly check: boolean
}

export interface LearnRequest {
  /** PEM. */
  readonly certificate: string
  readonly chain: readonly string[]
  /** The author of the mail that it signed. */
  readonly address: Address
}

export interface Addition {
  /** Whether anything was stored. */
  readonly stored: boolean
  /** One for each, in their order. */
  readonly results: readonly Examined[]
}

export interface Examined {
  /** Null where it is no certificate. */
  readonly fingerprint: string | null
  readonly subject: string | null
  readonly addresses: readonly string[]
  /** Milliseconds since 1970. */
  readonly notAfter: number | null
  /** Why it is refused; empty: it is not. */
  readonly problems: readonly string[]
  /** What an operator should know all the same. */
  readonly warnings: readonly string[]
}

/** `usable`; `withdrawn` by an operator; `expired` or not valid `yet` by its own dates. */
export type CertificateState = 'usable' | 'withdrawn' | 'expired' | 'early'

/** One certificate of one address. Moments are milliseconds since 1970. */
export interface CertificateEntry {
  /** Lower-case. */
  readonly address: string
  /** SHA-256 over the certificate (DER), lower-case hex. */
  readonly fingerprint: string
  readonly state: CertificateState
  readonly notBefore: number
  readonly notAfter: number
  readonly how: 'added' | 'learnt'
  readonly addedAt: number
  /** The operator, or `signed mail`. */
  readonly addedBy: string
  readonly withdrawnAt: number | null
  readonly withdrawnBy: string | null
  readonly pem: string
}

export interface CertificateFilter {
  /** An address or a fingerprint. */
  readonly of?: string
  /** Usable ones that expire before then. */
  readonly expiringBefore?: number
  /** The cursor of an earlier page. */
  readonly after?: string
  readonly limit: number
}

export interface CertificatePage {
  readonly entries: readonly CertificateEntry[]
  readonly next: string | null
}

export interface CertificateSummary {
  readonly usable: number
  /** Of those, how many expire within 30 days. */
  readonly expiring: number
  /** What is wrong with the store, in words; null when all is well. While something is, `find` gives nothing. */
  readonly damage: string | null
}

/** The request cannot be granted; the text is for the operator. */
export class CertificatesRefused extends Error {
  override readonly name = 'CertificatesRefused'
}

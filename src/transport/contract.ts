import type { ConnectionOptions, PeerCertificate } from 'node:tls'

/**
 * What the path to a recipient domain must prove, and whether it does. The order in which the rules
 * are asked: the register of secure domains, REQUIRETLS (RFC 8689), DANE (RFC 7672), MTA-STS
 * (RFC 8461), the operator's dated exceptions and routes, opportunistic TLS (RFC 7435), clear.
 */
export interface TransportSecurity {
  /** What the path must prove, host by host. Decided from what is known now; asks the DNS and fetches policies where it must. Never rejects. */
  decide(question: PathQuestion): Promise<PathDecision>
  /** Everything that was looked at on the way to a decision, for `postern domain explain`. Never rejects. */
  explain(question: PathQuestion): Promise<Explanation>
}

/** A path before its security is known. */
export interface PathQuestion {
  /** The recipients' domain, lower-case A-labels: the one whose policy counts, whoever its exchangers are. */
  readonly domain: string
  readonly hosts: readonly { readonly host: string; readonly port: number }[]
  /** How the hosts were found. DANE and MTA-STS hold for what the DNS named; `configured`: the operator named them, or the register did. */
  readonly from: 'mx' | 'implicit' | 'configured'
  /**
   * Where an operator sends the mail to the exchangers of another domain by hand: that domain. `from` is `configured`
   * then, though it was the DNS that named the hosts.
   */
  readonly exchangersOf?: string
  /** Whether DNSSEC vouches for the answer that named the hosts. */
  readonly authentic: boolean
  /** What the route asks for by itself. */
  readonly routeTls: {
    readonly mode: 'none' | 'opportunistic' | 'required' | 'implicit'
    readonly verify: boolean
    readonly options: ConnectionOptions
  }
  /** `requiretls`: the message asked for it. `sensitive`: only a path that the register calls secure will do. */
  readonly need: 'none' | 'requiretls' | 'sensitive'
}

/** Which rule decided. */
export type PathSource =
  | 'register'
  | 'requiretls'
  | 'dane'
  | 'mta-sts'
  | 'route'
  | 'exception'
  | 'opportunistic'
  /** The route says that TLS is not to be used. */
  | 'clear'

export interface PathDecision {
  readonly source: PathSource
  /** Connections made under one key may carry what another decision with the same key is about; never others. */
  readonly key: string
  /** One for each host of the question, in its order. */
  readonly hosts: readonly HostDemand[]
  /** Why nothing may be sent now, in words that an operator reads; null where at least one host may be tried. Always temporary. */
  readonly stopped: { readonly text: string /** RFC 3463, such as `4.7.5`. */; readonly status: string } | null
  /** When to decide anew, milliseconds since 1970. */
  readonly until: number
  /** When what it rests on is over, an entry, an exception or a policy: it counts by no means any longer. Left out: it rests on none. */
  readonly ends?: number
  /** Policies that were looked up, for TLS reports (RFC 8460). Never empty: `no-policy-found` where there are none. */
  readonly reported: readonly ReportedPolicy[]
  /** What went wrong while policies were looked up, each a result for TLS reports whatever becomes of the mail. */
  readonly troubles?: readonly { readonly type: TlsFailureType; readonly text: string; readonly host: string | null }[]
}

export interface HostDemand {
  readonly host: string
  /** Why this host must not be tried, such as `not in the MTA-STS policy`; null: it may. */
  readonly refused: string | null
  readonly tls: DemandedTls
  /**
   * What `tls.verify` proves, for the record. `unproven` with a `verify` (mode `opportunistic`): a policy that is
   * only being tried, RFC 8461 section 5; what it says is for reports.
   */
  readonly proves: Proof
  /** What a policy that is only being tried has against this host, for reports; it may be tried all the same. */
  readonly noted?: string
}

/** `unproven`: TLS, whoever answers. `clear`: TLS is not tried. */
export type Proof = 'pkix' | 'dane-ee' | 'dane-ta' | 'dane' | 'pinned' | 'unproven' | 'clear'

/** As `ClientTls` of the sending side: `verify` says what does not hold, or null. */
export interface DemandedTls {
  readonly mode: 'none' | 'opportunistic' | 'required' | 'implicit'
  readonly options: ConnectionOptions
  readonly verify: ((peer: PeerCertificate, authorizationError: string | null) => string | null) | null
}

/** A policy as a TLS report names it, RFC 8460 section 4.2. */
export interface ReportedPolicy {
  readonly type: 'tlsa' | 'sts' | 'no-policy-found'
  /** The lines of the MTA-STS policy, or the TLSA records in presentation form. */
  readonly strings: readonly string[]
  readonly domain: string
  readonly mxHosts: readonly string[]
}

/** One session, or one attempt at one, as it counts for a TLS report. */
export interface TlsResult {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly domain: string
  readonly policies: readonly ReportedPolicy[]
  readonly host: string
  readonly address: string
  /** Our own address of the connection, where there was one. */
  readonly localAddress?: string | null
  /** Null: it succeeded. RFC 8460 section 4.3. */
  readonly failure: { readonly type: TlsFailureType; readonly text: string } | null
}

export type TlsFailureType =
  | 'starttls-not-supported'
  | 'certificate-host-mismatch'
  | 'certificate-expired'
  | 'certificate-not-trusted'
  | 'validation-failure'
  | 'tlsa-invalid'
  | 'dnssec-invalid'
  | 'dane-required'
  | 'sts-policy-fetch-error'
  | 'sts-policy-invalid'
  | 'sts-webpki-invalid'

/** Where results go: to whoever makes the daily reports. Never throws, never waits. */
export interface TlsResults {
  add(result: TlsResult): void
}

export const noTlsResults: TlsResults = { add() {} }

/** A decision with the steps that led to it. */
export interface Explanation {
  readonly decision: PathDecision
  /** In the order of precedence: what each rule says, and whether it decided. */
  readonly steps: readonly { readonly rule: PathSource; readonly says: string; readonly decides: boolean }[]
}

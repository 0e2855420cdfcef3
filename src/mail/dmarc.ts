/** Who is told what DMARC found of messages, for aggregate reports (RFC 7489 section 7.2). Never throws, never waits. */
export interface DmarcObservations {
  add(observation: DmarcObservation): void
}

/** One message whose author's domain asks for aggregate reports. Domains in lower case. */
export interface DmarcObservation {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly sourceIp: string
  /** The author's domain. */
  readonly headerFrom: string
  /** Empty for the null reverse-path. */
  readonly envelopeFrom: string
  /** Domain of the first recipient. */
  readonly envelopeTo: string | null
  readonly published: PublishedPolicy
  /** What the plugin that judged it did; others may have done more. */
  readonly disposition: 'none' | 'quarantine' | 'reject'
  /** Why that is not what the policy asks for. */
  readonly override: { readonly type: string; readonly comment: string } | null
  readonly dkimAligned: boolean
  readonly spfAligned: boolean
  readonly dkim: readonly { readonly domain: string; readonly selector: string; readonly result: string }[]
  readonly spf: { readonly domain: string; readonly scope: 'mfrom' | 'helo'; readonly result: string } | null
}

/** The policy that was found, and at which domain. */
export interface PublishedPolicy {
  readonly domain: string
  readonly p: string
  readonly sp: string
  readonly adkim: string
  readonly aspf: string
  readonly pct: number
}

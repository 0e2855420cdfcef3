import type { ConnectionOptions } from 'node:tls'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { PathRequirement } from '../mail/secure-domain.ts'
import type { Resolver } from '../net/dns.ts'
import type { PathQuestion } from './contract.ts'
import type { StsPolicies } from './mta-sts/policies.ts'

/** One address of one host of a domain, and what is asked of it. */
export interface ProbeQuestion {
  /** The recipients' domain, lower-case A-labels. */
  readonly domain: string
  readonly host: string
  readonly address: string
  readonly port: number
  /** As in `PathQuestion`: how the host was found, and whether DNSSEC vouches for that. */
  readonly from: PathQuestion['from']
  readonly authentic: boolean
  /** What the register asks for; null: `wanted` is null, the rest is reported all the same. */
  readonly requirement: PathRequirement | null
}

export interface ProbeDeps {
  readonly resolver: Resolver
  readonly clock: Clock
  readonly log: Log
  /** Our name in EHLO. */
  readonly helo: string
  /** For each phase. Milliseconds. */
  readonly stepMs: number
  /** Authorities, where they are not the system's. */
  readonly options?: ConnectionOptions
  /** `implicit` where TLS begins with the first byte. Default `required`: STARTTLS. */
  readonly mode?: 'required' | 'implicit'
  /** Where names of exchangers may be vouched for by MTA-STS, too. */
  readonly policies?: Pick<StsPolicies, 'of'>
}

/** What a host showed. Nothing is sent but EHLO, STARTTLS and QUIT. */
export interface HostProbe {
  readonly host: string
  readonly address: string
  readonly port: number
  /** Why no session over TLS came about, in words; null: it did. */
  readonly failure: string | null
  /** `TLSv1.3` and the like, OpenSSL's name of the cipher. */
  readonly tls: { readonly protocol: string; readonly cipher: string } | null
  /** As the host sent them: its own first. Empty without TLS. At most 10. */
  readonly chain: readonly ProbedCertificate[]
  /** Whether the host offers REQUIRETLS (RFC 8689) after TLS. */
  readonly requireTls: boolean
  /** TLSA records that count, in presentation form such as `3 1 1 9a…`; and what the lookup gave, in words. */
  readonly tlsa: { readonly records: readonly string[]; readonly says: string }
  /** Whether each way to prove the path would hold; null: it holds, otherwise why not. `pinned` and `wanted` are null without a requirement, too: see `wanted`. */
  readonly holds: {
    readonly verified: string | null
    readonly dane: string | null
    readonly pinned: string | null
  }
  /** Whether the whole requirement holds, with its TLS version and ciphers; null without a requirement. */
  readonly wanted: { readonly holds: boolean; readonly why: string } | null
}

export interface ProbedCertificate {
  /** On one line: `CN=mail.example.test, O=Example`. */
  readonly subject: string
  readonly issuer: string
  /** `DNS:` and `IP Address:` names of the certificate, as OpenSSL writes them. */
  readonly names: readonly string[]
  /** Milliseconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
  /** SHA-256 over the certificate, lower-case hex: what `pinned` takes. */
  readonly fingerprint: string
  /** SHA-256 over its public key, lower-case hex: what a TLSA record `3 1 1` (or `2 1 1`) takes. */
  readonly publicKeyFingerprint: string
}

/** The form of `probeHost`. */
export type ProbeHost = (question: ProbeQuestion, deps: ProbeDeps) => Promise<HostProbe>

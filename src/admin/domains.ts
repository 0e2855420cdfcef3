import type { Explanation, PathQuestion } from '../transport/contract.ts'
import type { HostProbe } from '../transport/probe.ts'

/** What operators ask about the path of mail to a domain; the composition root knows where its parts are. */
export interface DomainPort {
  /** What the path must prove now, and why. Rejects only where files of the configuration are gone. */
  explain(domain: string, need: PathQuestion['need']): Promise<ExplainedDomain>
  /** Connects to every host of a domain and looks. Sends no mail. Rejects likewise. */
  probe(domain: string, wanted: ProbeWish): Promise<ProbedDomain>
}

/** What a probe shall ask for in place of what is in force; null: as it is. */
export interface ProbeWish {
  readonly requirement: 'verified' | 'dane' | 'pinned' | null
  /** SHA-256, lower-case hex; with `pinned`. */
  readonly fingerprints: readonly string[]
  readonly minTls: 'TLSv1.2' | 'TLSv1.3' | null
  readonly nextHop: { readonly host: string; readonly port: number } | null
}

/** Where mail for a domain goes. */
export interface DomainWay {
  /** In words: `by its exchangers (MX)`. */
  readonly says: string
  /** Null: there is no path to speak of, and `says` has the reason. */
  readonly question: PathQuestion | null
}

export interface ExplainedDomain {
  readonly way: DomainWay
  readonly explanation: Explanation | null
}

export interface ProbedDomain {
  readonly way: DomainWay
  readonly requirement: {
    readonly prove: 'verified' | 'dane' | 'pinned'
    readonly minTls: string
    readonly from: 'register' | 'asked'
  } | null
  /** What is known of the domain's MTA-STS policy, in words; null where that does not count. */
  readonly mtaSts: string | null
  readonly hosts: readonly {
    readonly host: string
    readonly port: number
    /** Why it has no address, in words; null: it has. */
    readonly failure: string | null
    readonly probes: readonly HostProbe[]
  }[]
  /** Hosts and addresses that were left out because there are too many. */
  readonly left: number
}

export interface ApiExplanation {
  readonly domain: string
  readonly need: PathQuestion['need']
  readonly way: string
  /** In the order of precedence. */
  readonly steps: readonly { readonly rule: string; readonly says: string; readonly decides: boolean }[]
  /** Null: there is no path to decide about. */
  readonly decision: {
    readonly source: string
    /** Why nothing may be sent now; null: at least one host may be tried. */
    readonly stopped: string | null
    /** When it is decided anew; null: when something changes. */
    readonly until: string | null
    readonly hosts: readonly {
      readonly host: string
      readonly port: number
      /** Why it must not be tried; null: it may. */
      readonly refused: string | null
      readonly tls: string
      readonly proves: string
      readonly minTls: string | null
    }[]
  } | null
}

export interface ApiProbeRequest {
  readonly by: string
  readonly requirement?: 'verified' | 'dane' | 'pinned'
  readonly fingerprints?: readonly string[]
  readonly minTls?: 'TLSv1.2' | 'TLSv1.3'
  /** `host` or `host:port`. */
  readonly nextHop?: string
}

export interface ApiProbedCertificate {
  readonly subject: string
  readonly issuer: string
  readonly names: readonly string[]
  readonly notBefore: string
  readonly notAfter: string
  readonly fingerprint: string
  readonly publicKeyFingerprint: string
}

export interface ApiHostProbe extends Omit<HostProbe, 'chain'> {
  readonly chain: readonly ApiProbedCertificate[]
}

export interface ApiProbe {
  readonly domain: string
  readonly way: string
  readonly requirement: ProbedDomain['requirement']
  /** Whether every address of every host would be mailed to under the requirement, or without one shows TLS at all. */
  readonly holds: boolean
  readonly mtaSts: string | null
  readonly hosts: readonly {
    readonly host: string
    readonly port: number
    readonly failure: string | null
    readonly probes: readonly ApiHostProbe[]
  }[]
  readonly left: number
}

export function toApiExplanation(
  domain: string,
  need: PathQuestion['need'],
  { way, explanation }: ExplainedDomain,
): ApiExplanation {
  const steps = (explanation?.steps ?? []).map(({ rule, says, decides }) => ({ rule, says, decides }))
  return { domain, need, way: way.says, steps, decision: toApiDecision(way, explanation) }
}

function toApiDecision({ question }: DomainWay, explanation: Explanation | null): ApiExplanation['decision'] {
  if (question === null || explanation === null) return null
  const { source, stopped, until, hosts } = explanation.decision
  return {
    source,
    stopped: stopped?.text ?? null,
    until: momentOrNull(until),
    hosts: hosts.map(({ host, refused, tls, proves }, index) => ({
      host,
      port: question.hosts[index]?.port ?? 25,
      refused,
      tls: tls.mode,
      proves,
      minTls: tls.options.minVersion ?? null,
    })),
  }
}

// the last moment that a Date can hold; `until` may be infinite
const LAST_MS = 8.64e15
const momentOrNull = (ms: number): string | null => (ms < LAST_MS ? new Date(ms).toISOString() : null)

export function toApiProbe(domain: string, found: ProbedDomain): ApiProbe {
  const { way, requirement, mtaSts, hosts, left } = found
  const holds = hosts.length > 0 && hosts.every(({ probes }) => probes.length > 0 && probes.every(isFit))
  return { domain, way: way.says, requirement, holds, mtaSts, hosts: hosts.map(toApiHost), left }
}

const isFit = ({ wanted, tls }: HostProbe): boolean => (wanted === null ? tls !== null : wanted.holds)

const toApiHost = ({ host, port, failure, probes }: ProbedDomain['hosts'][number]): ApiProbe['hosts'][number] => ({
  host,
  port,
  failure,
  probes: probes.map(({ chain, ...probe }) => ({
    ...probe,
    chain: chain.map((each) => ({ ...each, notBefore: date(each.notBefore), notAfter: date(each.notAfter) })),
  })),
})

const date = (ms: number): string => new Date(ms).toISOString()

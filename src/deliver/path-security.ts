import type { Clock } from '../clock.ts'
import type {
  HostDemand,
  PathDecision,
  PathQuestion,
  PathSource,
  TlsResult,
  TlsResults,
  TransportSecurity,
} from '../transport/contract.ts'
import type { Need } from './need.ts'
import type { Target } from './targets.ts'

/** What was decided about the path of mail to one domain. */
export interface PathSecurity {
  /** The recipients' domain, whose policy it is. */
  readonly domain: string
  readonly need: Need
  readonly decision: PathDecision
  /** When it was made, milliseconds since 1970. */
  readonly at: number
  /** By `host port`: what each host must prove. One that is not here must not be tried. */
  readonly demands: ReadonlyMap<string, HostDemand>
}

/** For the record: which rule decided, and under which key where the rule is the domain's own. */
export interface SecurityFacts {
  readonly source: PathSource
  readonly key?: string
}

const PROVING: ReadonlySet<PathSource> = new Set(['register', 'requiretls', 'dane', 'mta-sts'])

/** Whether somebody counts on the path being proven, so that an operator must hear when it is not. */
export const mustBeProven = ({ need, decision }: Pick<PathSecurity, 'need' | 'decision'>): boolean =>
  need !== 'none' || PROVING.has(decision.source)

export const securityFacts = ({ decision: { source, key } }: PathSecurity): SecurityFacts =>
  PROVING.has(source) ? { source, key } : { source }

/** Of one made in a time that is still to come nobody knows how old it is: the clock was set back. */
export const holds = ({ decision: { until }, at }: PathSecurity, now: number): boolean => at <= now && now < until

export const demandOn = ({ host, port }: Pick<Target, 'host' | 'port'>, { demands }: PathSecurity): HostDemand | null =>
  demands.get(`${host} ${port}`) ?? null

/** Why hosts are left out, host by host. */
export const refusedHosts = ({ decision }: PathSecurity): string[] =>
  decision.hosts.flatMap(({ host, refused }) => (refused === null ? [] : [`${host}: ${refused}`]))

/** What went wrong on the way to a decision, as results for TLS reports. */
export function troublesOf({ domain, decision }: PathSecurity, at: number): TlsResult[] {
  const { troubles = [], reported: policies } = decision
  return troubles.map(({ type, text, host }) => {
    return { at, domain, policies, host: host ?? '', address: '', failure: { type, text } }
  })
}

/** Asks what paths must prove, and remembers the answers as long as they hold. */
export class PathDecisions {
  readonly #security: Pick<TransportSecurity, 'decide'>
  readonly #clock: Clock
  readonly #results: TlsResults
  readonly #places: number
  /** In the order in which they were made. */
  readonly #known = new Map<string, PathSecurity>()

  /** `places`: how many answers are remembered at the most. */
  constructor(security: Pick<TransportSecurity, 'decide'>, results: TlsResults, clock: Clock, places: number) {
    this.#security = security
    this.#results = results
    this.#clock = clock
    this.#places = places
  }

  /** `path`: everything about the question but domain and need, as text. At once where it is known. Rejects only if the contract is broken. */
  of(question: PathQuestion, path: string): PathSecurity | Promise<PathSecurity> {
    const key = `${question.domain} ${question.need} ${path}`
    const known = this.#known.get(key)
    const now = this.#clock.now()
    if (known !== undefined && holds(known, now)) return known
    return this.#security.decide(question).then((decision) => this.#keep(key, securityOf(question, decision, now)))
  }

  #keep(key: string, security: PathSecurity): PathSecurity {
    for (const trouble of troublesOf(security, this.#clock.now())) this.#results.add(trouble)
    this.#known.delete(key)
    // What stopped mail is asked anew each time: it may have been mended
    if (security.decision.stopped === null) this.#known.set(key, security)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= this.#places) break
      this.#known.delete(oldest)
    }
    return security
  }
}

function securityOf({ domain, need, hosts }: PathQuestion, decision: PathDecision, at: number): PathSecurity {
  const demands = new Map<string, HostDemand>()
  for (const [i, { host, port }] of hosts.entries()) {
    const demand = decision.hosts[i]
    // An answer about another host than was asked about is none
    if (demand?.host === host && demand.refused === null) demands.set(`${host} ${port}`, demand)
  }
  return { domain, need, decision, at, demands }
}

import type {
  Explanation,
  PathDecision,
  PathQuestion,
  PathSource,
  ReportedPolicy,
  TransportSecurity,
} from './contract.ts'
import { presentation } from './dane/tlsa.ts'
import type { KeyedDemand } from './demand.ts'
import { exceptionAlarms } from './exceptions.ts'
import { Inquiry } from './inquiry.ts'
import { DecisionKeys } from './keys.ts'
import type { StsPolicies } from './mta-sts/policies.ts'
import { policyLines } from './mta-sts/policy.ts'
import { DECISION_MS, type TransportDeps, type TransportOptions } from './options.ts'
import type { Saying } from './rule.ts'
import { RULES } from './rules.ts'

/** Transport security with what a daemon needs beside it. */
export interface Transport extends TransportSecurity {
  /** Other options from now on. Decisions that were made before hold as long as they said. */
  update(options: TransportOptions): void
  /** What domains publish about their exchangers, for probes. */
  readonly policies: Pick<StsPolicies, 'of'>
  /** Lines for `postern status`: exceptions that end soon. */
  alarms(): string[]
  close(): Promise<void>
}

interface Ruling {
  readonly source: PathSource
  readonly saying: Saying
}

export class RuledTransport implements Transport {
  readonly #deps: TransportDeps
  readonly #policies: StsPolicies
  readonly #keys = new DecisionKeys()
  #options: TransportOptions

  /** Use `openTransport`. */
  constructor(options: TransportOptions, deps: TransportDeps, policies: StsPolicies) {
    this.#options = options
    this.#deps = deps
    this.#policies = policies
  }

  async decide(question: PathQuestion): Promise<PathDecision> {
    try {
      const inquiry = this.#inquiry(question)
      for (const { name, say } of RULES) {
        const saying = await say(inquiry)
        if (decides(saying)) return await this.#decision(inquiry, { source: name, saying })
      }
      return this.#broken(question, 'no rule decided')
    } catch (err) {
      this.#deps.log.error({ err, domain: question.domain }, 'the security of a path cannot be decided')
      return this.#broken(question, 'an error in this relay')
    }
  }

  async explain(question: PathQuestion): Promise<Explanation> {
    return { decision: await this.decide(question), steps: await this.#steps(question).catch(() => []) }
  }

  async #steps(question: PathQuestion): Promise<Explanation['steps']> {
    const inquiry = this.#inquiry(question)
    const steps: { rule: PathSource; says: string; decides: boolean }[] = []
    for (const { name, say } of RULES) {
      const saying = await say(inquiry)
      const isFirst = decides(saying) && steps.every((step) => !step.decides)
      steps.push({ rule: name, says: saying.says, decides: isFirst })
    }
    return steps
  }

  get policies(): Pick<StsPolicies, 'of'> {
    return this.#policies
  }

  update(options: TransportOptions): void {
    this.#options = options
  }

  alarms(): string[] {
    return exceptionAlarms(this.#options.exceptions, this.#deps.clock.now())
  }

  close(): Promise<void> {
    return this.#policies.close()
  }

  #inquiry(question: PathQuestion): Inquiry {
    return new Inquiry(question, this.#options, this.#deps, this.#policies)
  }

  async #decision(inquiry: Inquiry, { source, saying }: Ruling): Promise<PathDecision> {
    const { question } = inquiry
    const demands = saying.demands ?? []
    return {
      source,
      key: this.#keys.of(`${source} ${question.hosts.map(({ port }) => port).join(',')}`, demands),
      hosts: demands.map(({ demand }) => demand),
      stopped: saying.stopped ?? stoppedBy(source, question, demands),
      ...(await this.#times(inquiry)),
      reported: await reportedIn(inquiry),
      troubles: await troublesIn(inquiry),
    }
  }

  /** Not beyond what it rests on. */
  async #times(inquiry: Inquiry): Promise<Pick<PathDecision, 'until' | 'ends'>> {
    const { standing, exception, now } = inquiry
    const until = now + (this.#options.decisionMs ?? DECISION_MS)
    const ends: number[] = []
    if (standing.is === 'secure') ends.push(standing.entry.expiresOn)
    if (exception !== null) ends.push(exception.expires)
    const sts = await inquiry.stsSoFar()
    if (sts?.is === 'policy') ends.push(Math.max(sts.expiresAt, now + 1))
    return { until: Math.min(until, ...ends), ...(ends.length > 0 && { ends: Math.min(...ends) }) }
  }

  #broken({ domain }: PathQuestion, why: string): PathDecision {
    const stopped = { text: `the security of the path to ${domain} cannot be decided: ${why}`, status: '4.3.0' }
    return {
      source: 'route',
      key: `broken ${domain}`,
      hosts: [],
      stopped,
      until: this.#deps.clock.now(),
      reported: [],
      troubles: [],
    }
  }
}

const decides = ({ demands, stopped }: Saying): boolean => demands !== null || stopped !== undefined

/** Where no host is left, why: host by host. */
function stoppedBy(
  source: PathSource,
  { domain, hosts }: PathQuestion,
  demands: readonly KeyedDemand[],
): PathDecision['stopped'] {
  const refused = demands.flatMap(({ demand }) =>
    demand.refused === null ? [] : [`${demand.host}: ${demand.refused}`],
  )
  if (hosts.length === 0 || refused.length < hosts.length) return null
  const shown = refused.slice(0, 5).join('; ') + (refused.length > 5 ? `; and ${refused.length - 5} more` : '')
  return { text: `no host of ${domain} may be tried (${source}): ${shown}`, status: '4.7.5' }
}

/** RFC 8460 section 4.2. */
async function reportedIn(inquiry: Inquiry): Promise<ReportedPolicy[]> {
  const { domain } = inquiry.question
  const sts = await inquiry.stsSoFar()
  const reported: ReportedPolicy[] = []
  for (const { host, tlsa } of await inquiry.lookedUp()) {
    if (tlsa.is !== 'usable' && tlsa.is !== 'unusable') continue
    reported.push({ type: 'tlsa', strings: tlsa.records.map(presentation), domain, mxHosts: [host] })
  }
  if (sts?.is === 'policy' && sts.policy.mode !== 'none')
    reported.push({ type: 'sts', strings: policyLines(sts.policy), domain, mxHosts: sts.policy.mx })
  return reported.length > 0 ? reported : [{ type: 'no-policy-found', strings: [], domain, mxHosts: [] }]
}

async function troublesIn(inquiry: Inquiry): Promise<NonNullable<PathDecision['troubles']>> {
  const sts = await inquiry.stsSoFar()
  const failed = (await inquiry.lookedUp()).flatMap(({ host, tlsa }) =>
    tlsa.is === 'failed' ? [{ type: 'dnssec-invalid' as const, text: tlsa.why, host }] : [],
  )
  const unusable = (await inquiry.lookedUp()).flatMap(({ host, tlsa }) =>
    tlsa.is === 'unusable' ? [{ type: 'tlsa-invalid' as const, text: 'no TLSA record can be used', host }] : [],
  )
  return [...(sts?.trouble ? [{ ...sts.trouble, host: null }] : []), ...failed, ...unusable]
}

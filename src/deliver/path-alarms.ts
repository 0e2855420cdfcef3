import type { Alarms } from '../alarms.ts'
import type { Lane } from './lane.ts'
import type { Need } from './need.ts'
import { mustBeProven } from './path-security.ts'

type Path = Pick<Lane, 'domain' | 'need' | 'security'>

/**
 * Tells operators of domains that mail does not leave for because a path cannot be proven, and that it
 * does again. An alarm stands as long as mail of any need waits for that.
 */
export class PathAlarms {
  readonly #alarms: Alarms
  readonly #waiting = new Map<string, Set<Need>>()

  constructor(alarms: Alarms) {
    this.#alarms = alarms
  }

  /** Nothing goes there; `cause` says what does not hold. */
  unproven({ domain, need, security }: Path, cause: string): void {
    if (security !== null && !mustBeProven(security)) return
    const needs = this.#waiting.get(domain)
    if (needs) needs.add(need)
    else this.#waiting.set(domain, new Set([need]))
    this.#alarms.raise(keyOf(domain), textOf({ domain, need }, cause), {
      domain,
      need,
      ...(security && { source: security.decision.source }),
      cause,
    })
  }

  /** Something went there, or nothing waits any more. */
  over({ domain, need, security }: Path): void {
    const needs = this.#waiting.get(domain)
    // One that stood before our start, as far as it could: an alarm is raised where a path must be proven
    if (needs === undefined && security !== null && mustBeProven(security)) this.#alarms.clear(keyOf(domain))
    if (!needs?.delete(need) || needs.size > 0) return
    this.#waiting.delete(domain)
    this.#alarms.clear(keyOf(domain))
  }
}

const keyOf = (domain: string): string => `path ${domain}`

const WHICH = { none: 'mail', requiretls: 'mail that requires TLS', sensitive: 'sensitive mail' } as const

const textOf = ({ domain, need }: { domain: string; need: Need }, cause: string): string =>
  `${WHICH[need]} for ${domain} waits, because the path cannot be proven: ${cause}; see "postern domain explain ${domain}"`

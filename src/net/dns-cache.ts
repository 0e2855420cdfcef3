import type { Clock } from '../clock.ts'
import type { DnsAnswer, TimedAnswer } from './dns.ts'

export interface DnsCacheLimits {
  /** Answers kept at the most; the one that was not asked for longest goes first. */
  readonly entries: number
  /** Longest time that a found answer is kept, seconds, whatever its TTL says. */
  readonly maxTtl: number
  /** Longest time that "there is none" is kept, seconds. */
  readonly maxNegativeTtl: number
  /** How long a failure is kept, seconds, so that a burst of questions does not repeat it; at most 5. */
  readonly failureTtl: number
}

const LONGEST_FAILURE_TTL = 5

interface Entry {
  readonly answer: DnsAnswer<unknown>
  /** When it was asked. From a time that is still to come only if the clock was set back: then its age is not known. */
  readonly at: number
  readonly until: number
}

/** Keeps answers for their time, and lets equal questions that are under way share one. */
export class DnsCache {
  readonly #limits: DnsCacheLimits
  readonly #clock: Clock
  /** In the order of last use, oldest first. */
  readonly #entries = new Map<string, Entry>()
  readonly #underWay = new Map<string, Promise<DnsAnswer<unknown>>>()

  constructor(limits: DnsCacheLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  get size(): number {
    return this.#entries.size
  }

  /** The answer to `question`, kept or asked anew. `ask` must not reject. One question has one type of answer. */
  get<T>(question: string, ask: () => Promise<TimedAnswer<T>>): Promise<DnsAnswer<T>> {
    const kept = this.#kept(question)
    if (kept) return Promise.resolve(kept.answer as DnsAnswer<T>)
    const shared = this.#underWay.get(question)
    if (shared) return shared as Promise<DnsAnswer<T>>
    const asked = this.#ask(question, ask)
    this.#underWay.set(question, asked)
    return asked
  }

  async #ask<T>(question: string, ask: () => Promise<TimedAnswer<T>>): Promise<DnsAnswer<T>> {
    try {
      const { answer, ttl } = await ask()
      this.#keep(question, answer, this.#bounded(answer, ttl))
      return answer
    } finally {
      this.#underWay.delete(question)
    }
  }

  #kept(question: string): Entry | null {
    const entry = this.#entries.get(question)
    if (!entry) return null
    this.#entries.delete(question)
    const now = this.#clock.now()
    if (entry.until <= now || entry.at > now) return null
    this.#entries.set(question, entry)
    return entry
  }

  #keep(question: string, answer: DnsAnswer<unknown>, seconds: number): void {
    if (seconds <= 0) return
    this.#entries.delete(question)
    const at = this.#clock.now()
    this.#entries.set(question, { answer, at, until: at + seconds * 1000 })
    if (this.#entries.size <= this.#limits.entries) return
    const oldest = this.#entries.keys().next()
    if (!oldest.done) this.#entries.delete(oldest.value)
  }

  #bounded(answer: DnsAnswer<unknown>, ttl: number): number {
    const { maxTtl, maxNegativeTtl, failureTtl } = this.#limits
    if (answer.is === 'failed') return Math.min(failureTtl, LONGEST_FAILURE_TTL)
    return Math.min(ttl, answer.is === 'found' ? maxTtl : maxNegativeTtl)
  }
}

import type { Clock } from '../clock.ts'
import type { Backlog, Finding } from './contract.ts'
import type { SurgeOptions } from './options.ts'
import { Tally } from './tally.ts'
import { counted, moment, span } from './words.ts'

/** Something that holds or defers mail, whichever messages it meets. */
export interface Cause {
  /** Names the class: `plugin:virus`, `mail.example.test 4.7.1`. */
  readonly key: string
  /** In words, to stand after "60 messages". */
  readonly what: string
  /** What was said of this one message: a reason, a reply. */
  readonly said: string
  readonly queueId: string
  /** What an operator may do, as a command. */
  readonly act: string
}

interface Known {
  cause: Cause
  readonly tally: Tally
  /** What waits for it now, where that is known. */
  level: number
  /** Since when it is too many; null while it is not. */
  since: number | null
  /** When it was last anywhere near too many: it is over when that was long enough ago. */
  busyAt: number
}

/** Causes that are told apart; replies of next hops are among them, so that others could grow this. */
const MOST_CAUSES = 1000
/** Messages that are remembered, so that one that is tried again and again counts once. */
const MOST_MESSAGES = 20_000
const HOUR_MS = 3_600_000
/** What NTP does in small steps is no jump. */
const BACK_MS = 30_000

const isMany = ({ atLeast, withinMs, factor }: SurgeOptions, lately: number, usually: number): boolean =>
  lately >= atLeast && lately * (HOUR_MS / withinMs) >= factor * usually

/** Counts what holds and defers mail, by cause, and finds the causes that suddenly meet many. */
export class CauseCounts {
  #options: SurgeOptions
  readonly #clock: Clock
  #startedAt: number
  #latest: number
  readonly #known = new Map<string, Known>()
  readonly #seen = new Map<string, number>()
  #levelsKnown = false

  constructor(options: SurgeOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#startedAt = this.#latest = clock.now()
  }

  /** What is counted lately is counted anew if its length changes. */
  update(options: SurgeOptions): void {
    if (options.withinMs !== this.#options.withinMs) this.#known.clear()
    this.#options = options
  }

  /** One message met a cause. */
  met(cause: Cause): void {
    const now = this.#now()
    const mark = `${cause.key} ${cause.queueId}`
    const before = this.#seen.get(mark)
    if (before !== undefined && now - before < this.#options.withinMs) return
    this.#seen.delete(mark)
    if (this.#seen.size < MOST_MESSAGES) this.#seen.set(mark, now)
    this.#add(cause, 1, now)
  }

  /** What waits for troubles of next hops now. What has come to it since the last look counts; what was there at the first does not. */
  waiting(backlogs: readonly Backlog[]): void {
    const now = this.#now()
    const causes = new Map(backlogs.map((backlog): [string, Backlog] => [`waits ${backlog.reason}`, backlog]))
    for (const [key, known] of this.#known) if (key.startsWith('waits ') && !causes.has(key)) known.level = 0
    for (const [key, backlog] of causes) this.#waits(key, backlog, now)
    this.#levelsKnown = true
  }

  /** Causes that are too many now, and those that were and are not yet over. */
  surges(): Finding[] {
    const now = this.#now()
    this.#forget(now)
    const found: Finding[] = []
    for (const [key, known] of this.#known) {
      const finding = this.#surgeOf(key, known, now)
      if (finding !== null) found.push(finding)
      if (known.tally.isEmpty && known.level === 0) this.#known.delete(key)
    }
    return found
  }

  /** Whether it is too early after the start to say that an alarm of before is over. */
  get isYoung(): boolean {
    return this.#now() < this.#startedAt + this.#options.withinMs
  }

  /** Counts of a time that is still to come would never grow old: after the clock was set back all is counted anew. */
  #now(): number {
    const now = this.#clock.now()
    if (now < this.#latest - BACK_MS) {
      this.#known.clear()
      this.#seen.clear()
      this.#levelsKnown = false
      this.#startedAt = now
    }
    this.#latest = now
    return now
  }

  #waits(key: string, { reason, recipients, destinations, queueId, destination }: Backlog, now: number): void {
    const before = this.#known.get(key)?.level ?? 0
    const many = destinations > 1 ? ` for ${destinations} destinations` : ` for ${destination}`
    const cause: Cause = {
      ...{ key, queueId, said: reason },
      what: `wait${many}, which cannot be reached`,
      act: destinations > 1 ? 'postern status' : `postern queue list --destination ${destination}`,
    }
    const fresh = this.#levelsKnown ? Math.max(0, recipients - before) : 0
    const known = this.#add(cause, fresh, now)
    if (known !== null) known.level = recipients
  }

  #add(cause: Cause, count: number, now: number): Known | null {
    let known = this.#known.get(cause.key)
    if (known === undefined) {
      if (this.#known.size >= MOST_CAUSES) return null
      known = { cause, tally: new Tally(this.#options.withinMs), level: 0, since: null, busyAt: 0 }
      this.#known.set(cause.key, known)
    }
    // the example of a surge stays: whoever looks at it later finds what the first mail named
    if (known.since === null) known.cause = cause
    if (count > 0) known.tally.add(now, count, known.since === null)
    return known
  }

  #surgeOf(key: string, known: Known, now: number): Finding | null {
    const lately = known.tally.lately(now)
    const usually = known.tally.usually(now, this.#startedAt)
    if (known.since === null && isMany(this.#options, lately, usually)) known.since = now
    const half = this.#options.atLeast / 2
    if (lately >= half || known.level >= half) known.busyAt = now
    if (now - known.busyAt >= this.#options.withinMs) known.since = null
    if (known.since === null) return null
    return { key: `surge ${key}`, text: this.#textOf(known, lately, usually), facts: factsOf(known, lately) }
  }

  #textOf({ cause, level, since }: Known, lately: number, usually: number): string {
    const { what, said, queueId, act } = cause
    const many = counted(Math.max(lately, level), 'message', 'messages')
    const usual = `usually ${Math.round(usually)} an hour`
    const lateness = lately > 0 ? `${lately} of them within ${span(this.#options.withinMs)}, ${usual}` : usual
    return `${many} ${what} (${lateness}), since ${moment(since ?? 0)}: ${said}; such as ${queueId}; look with: ${act}`
  }

  #forget(now: number): void {
    for (const [mark, at] of this.#seen) {
      // in the order in which they came
      if (now - at < this.#options.withinMs) break
      this.#seen.delete(mark)
    }
  }
}

const factsOf = ({ cause, level }: Known, lately: number) => ({
  cause: cause.key,
  said: cause.said,
  example: cause.queueId,
  lately,
  waiting: level,
})

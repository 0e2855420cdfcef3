import type { Alarms } from '../alarms.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { ALARM_KINDS, type Finding, kindOf, type StandingAlarm } from './contract.ts'
import type { AlarmMemory, Remembered, RememberedAlarm } from './memory.ts'
import { CONFIRM_MS, LONGEST, MOST_ALARMS, MOST_OF_A_KIND, REST_MS } from './options.ts'

interface Standing extends StandingAlarm {
  text: string
  since: number
  mailedAt: number | null
  /** Raised since our start; what was remembered only may be over. */
  confirmed: boolean
}

export interface BoardSeams {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
}

/** What the mail to operators is made from. */
export interface Untold {
  /** Not told yet, and those whose time to be repeated has come. */
  readonly news: readonly StandingAlarm[]
  /** Told, and over since. */
  readonly over: readonly StandingAlarm[]
  /** Told before, and still there. */
  readonly still: readonly StandingAlarm[]
}

/** Every alarm that stands: in the log when it comes and goes, in the metrics, and in a file that outlives us. */
export class AlarmBoard implements Alarms {
  readonly #memory: AlarmMemory
  readonly #seams: BoardSeams
  #startedAt: number
  readonly #standing = new Map<string, Standing>()
  /** When alarms that are over were last mailed. */
  readonly #rested = new Map<string, number>()
  #over: RememberedAlarm[]
  /** Since when one of them waits to be told. */
  #overSince = 0
  #sent: readonly number[]
  #changed: () => void = () => {}
  #tooMany = false
  #closed = false

  /** `remembered`: what `memory.read()` gave. */
  constructor(memory: AlarmMemory, remembered: Remembered, seams: BoardSeams) {
    this.#memory = memory
    this.#seams = seams
    this.#startedAt = seams.clock.now()
    for (const alarm of remembered.alarms) {
      this.#standing.set(alarm.key, { ...alarm, kind: kindOf(alarm.key), confirmed: false })
    }
    for (const [key, at] of remembered.rested) this.#rested.set(key, at)
    this.#over = [...remembered.over]
    this.#overSince = this.#startedAt
    this.#sent = remembered.sent
    this.#measure()
  }

  /** Called whenever an alarm begins or ends. */
  whenChanged(changed: () => void): void {
    this.#changed = changed
  }

  raise(key: string, text: string, facts: Readonly<Record<string, unknown>> = {}): void {
    if (this.#closed) return
    const [name, line] = [cut(key), cut(text)]
    const known = this.#standing.get(name)
    if (known !== undefined) {
      known.text = line
      known.confirmed = true
      return
    }
    if (!this.#hasRoom(kindOf(name))) return
    const since = this.#seams.clock.now()
    const mailedAt = this.#takeBack(name)
    this.#standing.set(name, { key: name, kind: kindOf(name), text: line, since, mailedAt, confirmed: true })
    this.#seams.log.warn({ ...facts, alarm: name }, `alarm: ${line}`)
    this.#update()
  }

  clear(key: string): void {
    if (!this.#closed) this.#end(cut(key), 'alarm is over')
  }

  /** Raises what was found, and clears what else stands of that kind. `spare`: what is left standing though it was not found. */
  sync(kind: string, findings: readonly Finding[], spare: (key: string) => boolean = () => false): void {
    const found = new Set(findings.map(({ key }) => cut(key)))
    for (const { key } of this.#of(kind)) if (!found.has(key) && !spare(key)) this.clear(key)
    for (const { key, text, facts } of findings) this.raise(key, text, facts)
  }

  /** Ends what stood before our start and was not raised since: nobody may be left who would clear it. */
  forgetUnconfirmed(): void {
    this.#mend()
    if (this.#seams.clock.now() < this.#startedAt + CONFIRM_MS) return
    for (const { key, confirmed } of [...this.#standing.values()]) {
      if (!confirmed) this.#end(key, 'alarm was not raised again since the start')
    }
  }

  /** The oldest first. */
  standing(): readonly StandingAlarm[] {
    return [...this.#standing.values()].sort((a, b) => a.since - b.since)
  }

  /** When the next mail is to be written, milliseconds since 1970; null if there is nothing to tell. */
  nextMail(gatherMs: number, repeatMs: number): number | null {
    this.#mend()
    const times = [...this.#standing.values()].map((alarm) => this.#dueAt(alarm, gatherMs, repeatMs))
    if (this.#over.length > 0) times.push(this.#overSince + gatherMs)
    return times.length === 0 ? null : times.reduce((a, b) => Math.min(a, b))
  }

  untold(repeatMs: number): Untold {
    this.#mend()
    const now = this.#seams.clock.now()
    const isNews = (alarm: Standing) => this.#dueAt(alarm, 0, repeatMs) <= now
    const all = this.standing() as readonly Standing[]
    const over = this.#over.map((alarm) => ({ ...alarm, kind: kindOf(alarm.key) }))
    return { news: all.filter(isNews), over, still: all.filter((alarm) => !isNews(alarm)) }
  }

  /** This needs telling no more; `mailed`: because a mail went out with it. */
  told({ news, over }: Pick<Untold, 'news' | 'over'>, mailed: boolean): void {
    const now = this.#seams.clock.now()
    const gone = new Set(over.map(({ key }) => key))
    this.#over = this.#over.filter(({ key }) => !gone.has(key))
    for (const { key, text, since } of news) {
      const alarm = this.#standing.get(key)
      if (alarm !== undefined) alarm.mailedAt = now
      // it ended while its mail was being written: the next one says so
      else if (mailed) this.#ended({ key, text, since, mailedAt: now })
    }
    if (mailed) this.#sent = [...this.sentSince(now - REST_MS), now]
    this.#save()
  }

  sentSince(time: number): readonly number[] {
    return this.#sent.filter((at) => at > time)
  }

  /** Resolves when what stands is on disk. What ends because we do is not over: nothing counts from now on. */
  async close(): Promise<void> {
    this.#closed = true
    this.#changed = () => {}
    this.#save()
    await this.#memory.settled()
  }

  /** Where the clock was set back, what is said to come yet was just now: nothing may wait for that time to come again. */
  #mend(): void {
    const now = this.#seams.clock.now()
    this.#startedAt = Math.min(this.#startedAt, now)
    this.#overSince = Math.min(this.#overSince, now)
    for (const alarm of this.#standing.values()) {
      alarm.since = Math.min(alarm.since, now)
      if (alarm.mailedAt !== null) alarm.mailedAt = Math.min(alarm.mailedAt, now)
    }
    for (const [key, at] of this.#rested) if (at > now) this.#rested.set(key, now)
    this.#sent = this.#sent.map((at) => Math.min(at, now))
  }

  #of(kind: string): Standing[] {
    return [...this.#standing.values()].filter((alarm) => alarm.kind === kind)
  }

  #end(key: string, why: string): void {
    const alarm = this.#standing.get(key)
    if (alarm === undefined) return
    this.#standing.delete(key)
    const { kind, text, since, mailedAt } = alarm
    const seconds = Math.round((this.#seams.clock.now() - since) / 1000)
    this.#seams.log.warn({ alarm: key, kind, seconds }, `${why}: ${text}`)
    if (mailedAt !== null) this.#ended({ key, text, since, mailedAt })
    this.#update()
  }

  #ended(alarm: RememberedAlarm & { readonly mailedAt: number }): void {
    this.#rested.set(alarm.key, alarm.mailedAt)
    if (this.#over.length === 0) this.#overSince = this.#seams.clock.now()
    this.#over.push(alarm)
    if (this.#over.length > MOST_ALARMS) this.#over.shift()
  }

  /** Raised again before anybody was told that it was over: to those who read our mail it never ended. */
  #takeBack(key: string): number | null {
    const found = this.#over.find((alarm) => alarm.key === key)
    if (found === undefined) return null
    this.#over = this.#over.filter((alarm) => alarm !== found)
    return found.mailedAt
  }

  #dueAt({ key, since, mailedAt }: Standing, gatherMs: number, repeatMs: number): number {
    if (mailedAt !== null) return mailedAt + repeatMs
    return Math.max(since + gatherMs, (this.#rested.get(key) ?? Number.NEGATIVE_INFINITY) + REST_MS)
  }

  /** Paths can be many, as others choose their domains: they must not keep out the ledger's alarm. */
  #hasRoom(kind: string): boolean {
    const isMany = this.#standing.size >= MOST_OF_A_KIND && this.#of(kind).length >= MOST_OF_A_KIND
    const full = isMany || this.#standing.size >= MOST_ALARMS
    if (full && !this.#tooMany) {
      this.#seams.log.error({ standing: this.#standing.size }, 'more alarms than can be kept: the rest is not told')
    }
    this.#tooMany = full
    return !full
  }

  #update(): void {
    this.#measure()
    this.#save()
    this.#changed()
  }

  #measure(): void {
    const counts = new Map<string, number>()
    for (const { kind } of this.#standing.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
    for (const kind of ALARM_KINDS) this.#seams.metrics.gauge('postern_alarms', counts.get(kind) ?? 0, { kind })
  }

  #save(): void {
    this.#memory.save(() => this.#state())
  }

  #state(): Remembered {
    const restedSince = this.#seams.clock.now() - REST_MS
    for (const [key, at] of this.#rested) if (at <= restedSince) this.#rested.delete(key)
    const alarms = [...this.#standing.values()].map(({ key, text, since, mailedAt }) => ({
      key,
      text,
      since,
      mailedAt,
    }))
    return { alarms, rested: [...this.#rested], over: this.#over, sent: this.#sent }
  }
}

/** One line of bounded length: what came from the network may be in it. */
const cut = (text: string): string => text.replace(/\p{Cc}+/gu, ' ').slice(0, LONGEST)

import { createHash } from 'node:crypto'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import { formatAddress } from '../../mail/address.ts'
import type { PublishedPolicy } from '../../mail/dmarc.ts'
import type { Metrics } from '../../metrics.ts'
import type { Resolver } from '../../net/dns.ts'
import type { ReportKind, SendMail } from '../contract.ts'
import type { ReportsDatabase } from '../database.ts'
import { DAY_MS, dayOf, startOfDay } from '../day.ts'
import { isSent, type ReportsOptions } from '../options.ts'
import type { Due } from '../wire.ts'
import { type BuiltReport, built, reportMail } from './build.ts'
import { dmarcReport } from './dmarc-report.ts'
import { namesOf } from './names.ts'
import type { PostOptions } from './post.ts'
import { tlsReport } from './tls-report.ts'
import type { Destination, Wanted } from './uri.ts'
import { dmarcWanted, tlsWanted } from './wanted.ts'

export interface SenderPorts {
  readonly database: ReportsDatabase
  readonly options: () => ReportsOptions
  readonly resolver: Resolver
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly mail: SendMail
  readonly post: (url: URL, body: Buffer, options: PostOptions) => Promise<void>
}

const KINDS = ['tls', 'dmarc'] as const
/** Reports taken on at a time. */
const BATCH = 20
/** RFC 8460 section 5.5: what cannot be delivered is tried again for 24 hours. */
const TRIED_MS = DAY_MS
/** Days back from today of which reports are still begun: after a weekend without the daemon they would be of little use. */
const BEGUN_DAYS = 2
const FIRST_WAIT_MS = 10 * 60_000
const LONGEST_WAIT_MS = 4 * 3_600_000

/** What became of the places that a report went to. */
interface Tried {
  readonly sent: number
  readonly left: number
  readonly detail: string
}

/**
 * Makes and sends the reports of yesterday. What was sent is written down before it is sent, so that nothing
 * goes out twice: a crash in between costs that one copy.
 */
export class Sender {
  readonly #ports: SenderPorts
  #stopped = false

  constructor(ports: SenderPorts) {
    this.#ports = ports
  }

  stop(): void {
    this.#stopped = true
  }

  /** Sends whatever is due. To be called again and again. */
  async run(): Promise<void> {
    for (const kind of KINDS) {
      if (isSent(this.#ports.options(), kind)) await this.#runKind(kind)
    }
  }

  async #runKind(kind: ReportKind): Promise<void> {
    const { database, clock, options } = this.#ports
    const today = dayOf(clock.now())
    if (clock.now() >= startOfDay(today) + delayOf(kind, today, options()))
      await database.call('open', { kind, from: today - BEGUN_DAYS, before: today })
    for (;;) {
      const due = await database.call('due', { kind, limit: BATCH })
      for (const each of due) {
        if (this.#stopped) return
        await this.#send(each)
      }
      if (due.length < BATCH) return
    }
  }

  async #send(due: Due): Promise<void> {
    const { resolver, options, log } = this.#ports
    const { kind, day, domain } = due
    const { destinations: limit } = options().limits
    const wanted: Wanted = await (kind === 'tls' ? tlsWanted : dmarcWanted)(domain, resolver, limit)
    if (wanted.is === 'nobody') return this.#settle(due, 'nobody', wanted.why)
    if (wanted.is === 'failed') return this.#again(due, `the DNS did not answer: ${wanted.cause}`)
    const report = await this.#make(due)
    if (report === null) return this.#settle(due, 'nobody', 'there is nothing to report')
    const { sent, left, detail } = await this.#sendTo(wanted.destinations, report, due)
    log.info({ kind, day, domain, sent, left }, 'a report was sent')
    if (left > 0) return this.#again(due, detail)
    return this.#settle(due, sent > 0 ? 'sent' : 'failed', detail)
  }

  async #make(due: Due): Promise<BuiltReport | null> {
    const { database, options } = this.#ports
    const { hostname, organisation, contact, from, limits } = options()
    if (organisation === null || from === null) return null
    const email = formatAddress(from)
    const reporter = { organisation, contact: contact ?? email, reportId: namesOf(due, hostname).reportId }
    const { kind, day, domain } = due
    const question = { kind, day, domain, limit: limits.rowsPerReport }
    if (kind === 'tls') {
      const rows = await database.call('tlsRows', question)
      return rows.length === 0 ? null : built(question, hostname, tlsReport(due, reporter, rows))
    }
    const { published, rows } = await database.call('dmarcRows', question)
    if (published === null || rows.length === 0) return null
    const policy = JSON.parse(published) as PublishedPolicy
    return built(question, hostname, dmarcReport(due, { ...reporter, email }, policy, rows))
  }

  async #sendTo(destinations: readonly Destination[], report: BuiltReport, due: Due): Promise<Tried> {
    let [sent, left, detail] = [0, 0, '']
    for (const destination of destinations) {
      const known = due.destinations[destination.uri]
      // whatever became of it: it may have arrived
      if (known !== undefined && known !== 'retry') {
        if (known !== 'refused') sent++
        continue
      }
      if (this.#stopped) return { sent, left: left + 1, detail: 'the relay stopped' }
      const failure = await this.#try(destination, report, due)
      if (failure === null) sent++
      else detail = failure.text
      if (failure?.again === true) left++
    }
    return { sent, left, detail }
  }

  async #try(
    destination: Destination,
    report: BuiltReport,
    due: Due,
  ): Promise<{ text: string; again: boolean } | null> {
    const { metrics } = this.#ports
    const by = destination.by
    const tooLarge = by === 'mail' && destination.maxBytes !== null && report.packed.length > destination.maxBytes
    if (tooLarge) {
      const text = `${report.packed.length} bytes are more than it takes`
      await this.#note(due, destination, 'refused', text)
      return { text, again: false }
    }
    await this.#note(due, destination, 'sending', '')
    try {
      await this.#hand(destination, report)
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      metrics.count('postern_reports_sent_total', { kind: due.kind, outcome: 'failed' })
      await this.#note(due, destination, 'retry', text.slice(0, 500))
      return { text, again: true }
    }
    metrics.count('postern_reports_sent_total', { kind: due.kind, outcome: 'sent' })
    await this.#note(due, destination, 'sent', '')
    return null
  }

  #hand(destination: Destination, report: BuiltReport): Promise<unknown> {
    const { options, clock, mail, post, resolver } = this.#ports
    const { limits, privateAddresses, from, organisation, hostname } = options()
    if (destination.by === 'https') {
      return post(destination.url, report.packed, { resolver, timeoutMs: limits.postTimeoutMs, privateAddresses })
    }
    if (from === null || organisation === null) throw new Error('nobody is named who reports')
    const { to } = destination
    return mail({ from, to, content: reportMail(report, { from, to, hostname, organisation, date: clock.now() }) })
  }

  async #note({ kind, day, domain }: Due, { uri }: Destination, state: string, detail: string): Promise<void> {
    await this.#ports.database.call('destination', { kind, day, domain, uri, state, detail })
  }

  async #again(due: Due, detail: string): Promise<void> {
    const { clock, options } = this.#ports
    const nextAt = clock.now() + Math.min(FIRST_WAIT_MS * 2 ** due.attempts, LONGEST_WAIT_MS)
    // from when it could have gone out at the latest
    const until = startOfDay(due.day + 1) + options().spreadMs + TRIED_MS
    if (nextAt > until) return this.#settle(due, 'failed', detail)
    await this.#settle(due, 'pending', detail, nextAt)
  }

  async #settle(
    due: Due,
    state: 'pending' | 'sent' | 'nobody' | 'failed',
    detail: string,
    nextAt: number | null = null,
  ) {
    const { kind, day, domain } = due
    await this.#ports.database.call('settle', { kind, day, domain, state, nextAt, detail: detail.slice(0, 500) })
  }
}

/** Some moment in the time over which reports are spread: of each relay and day another, and after a restart the same. */
export function delayOf(
  kind: ReportKind,
  day: number,
  { hostname, spreadMs }: Pick<ReportsOptions, 'hostname' | 'spreadMs'>,
): number {
  const hash = createHash('sha256').update(`${kind} ${day} ${hostname}`).digest()
  return Math.floor((hash.readUInt32BE(0) / 2 ** 32) * spreadMs)
}

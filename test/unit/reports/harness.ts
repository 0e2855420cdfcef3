import { join } from 'node:path'
import { silentLog } from '../../../src/log.ts'
import { type Address, formatAddress, parseAddress } from '../../../src/mail/address.ts'
import { memoryContent } from '../../../src/mail/content.ts'
import type { DmarcObservation } from '../../../src/mail/dmarc.ts'
import { noMetrics } from '../../../src/metrics.ts'
import type { Reports } from '../../../src/reports/contract.ts'
import { openReports } from '../../../src/reports/open.ts'
import { REPORT_LIMITS, type ReportsOptions } from '../../../src/reports/options.ts'
import type { SenderPorts } from '../../../src/reports/outgoing/sender.ts'
import type { TlsResult } from '../../../src/transport/contract.ts'
import { type ManualClock, manualClock } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { defer, type Scope } from '../../support/scope.ts'
import { waitFor } from '../../support/wait.ts'
import { type Zone, type ZoneResolver, zoneResolver } from '../../support/zone.ts'

export const DAY = 86_400_000
/** Nine in the morning of 2 November 2026. */
export const START = Date.UTC(2026, 10, 2, 9)

export const address = (text: string): Address => {
  const found = parseAddress(text)
  if (found === null) throw new Error(`no address: ${text}`)
  return found
}

export interface SentMail {
  readonly from: string
  readonly to: string
  readonly content: Buffer
}

export interface Room {
  readonly reports: Reports
  readonly clock: ManualClock
  readonly resolver: ZoneResolver
  readonly mails: SentMail[]
  /** Posted: URL and body. */
  readonly posts: { url: string; body: Buffer }[]
  /** What goes wrong when a mail or a post is handed over; null for nothing. */
  fault: ((to: string) => Error | null) | null
  readonly options: ReportsOptions
  /** Moves the clock minute by minute, and lets what is due be done, until `until` holds. */
  pass(until: () => boolean | Promise<boolean>, what: string): Promise<void>
  /** Closes and opens it again on the same database. */
  restart(): Promise<void>
}

export const options = (path: string, more: Partial<ReportsOptions> = {}): ReportsOptions => ({
  path,
  hostname: 'relay.ours.test',
  organisation: 'Our <Trust> & Co',
  contact: 'postmaster@ours.test',
  from: address('reports@ours.test'),
  tls: { send: true, receive: address('tls@ours.test') },
  dmarc: { send: true, receive: address('dmarc@ours.test') },
  keepMs: 90 * DAY,
  spreadMs: 600_000,
  privateAddresses: false,
  authservId: 'relay.ours.test',
  limits: REPORT_LIMITS,
  ...more,
})

/** The room with a database of its own, a clock that the test moves, and somebody who takes its mail. */
export async function openRoom(
  scope: Scope,
  zone: Zone = {},
  more: Partial<ReportsOptions> = {},
  post?: SenderPorts['post'],
): Promise<Room> {
  const clock = manualClock(START)
  const resolver = zoneResolver(zone)
  const given = options(join(temporaryFolder(scope), 'reports.db'), more)
  const [mails, posts]: [SentMail[], Room['posts']] = [[], []]
  const open = async (): Promise<Reports> => {
    const taking: SenderPorts['post'] = async (url, body) => {
      const failure = room.fault?.(url.href)
      if (failure) throw failure
      posts.push({ url: url.href, body })
    }
    const reports = await openReports(given, {
      clock,
      log: silentLog,
      metrics: noMetrics,
      resolver,
      post: post ?? taking,
    })
    reports.start(async ({ from, to, content }) => {
      const failure = room.fault?.(formatAddress(to))
      if (failure) throw failure
      mails.push({ from: formatAddress(from), to: formatAddress(to), content })
    })
    return reports
  }
  const room: Room & { reports: Reports } = {
    reports: null as unknown as Reports,
    clock,
    resolver,
    mails,
    posts,
    fault: null,
    options: given,
    pass: (until, what) =>
      waitFor(
        async () => {
          clock.advance(60_000)
          return until()
        },
        { what, everyMs: 3 },
      ).then(() => {}),
    async restart() {
      await room.reports.close()
      room.reports = await open()
    },
  }
  room.reports = await open()
  defer(scope, () => room.reports.close())
  return room
}

export const STS = {
  type: 'sts',
  strings: ['version: STSv1', 'mode: enforce'],
  domain: 'theirs.test',
  mxHosts: ['mx.theirs.test'],
} as const

export const session = (more: Partial<TlsResult> = {}): TlsResult => ({
  at: START,
  domain: 'theirs.test',
  policies: [STS],
  host: 'mx.theirs.test',
  address: '192.0.2.25',
  localAddress: '198.51.100.1',
  failure: null,
  ...more,
})

export const judged = (more: Partial<DmarcObservation> = {}): DmarcObservation => ({
  at: START,
  sourceIp: '192.0.2.77',
  headerFrom: 'theirs.test',
  envelopeFrom: 'bounces.theirs.test',
  envelopeTo: 'ours.test',
  published: { domain: 'theirs.test', p: 'reject', sp: 'reject', adkim: 'r', aspf: 's', pct: 100 },
  disposition: 'reject',
  override: null,
  dkimAligned: false,
  spfAligned: false,
  dkim: [{ domain: 'else.test', selector: 's<1>', result: 'pass' }],
  spf: { domain: 'bounces.theirs.test', scope: 'mfrom', result: 'softfail' },
  ...more,
})

/** Hands a message to the room as delivery does. */
export const deliver = async (reports: Reports, to: string, content: Buffer, prefix = ''): Promise<string> =>
  (await answerTo(reports, to, content, prefix))?.is ?? 'nothing'

/** The same with what is answered. */
export async function answerTo(reports: Reports, to: string, content: Buffer, prefix = '') {
  const envelope = {
    mailFrom: null,
    rcptTo: [{ address: address(to), notify: null, orcpt: null }],
    envid: null,
    ret: null,
    smtputf8: false,
    body: '7bit',
    requireTls: false,
  } as const
  const bytes = Buffer.concat([Buffer.from(prefix), content])
  const [answer] = await reports.store.deliver({
    queueId: '00000000001' as never,
    envelope,
    content: memoryContent(bytes),
    receivedAt: START,
  })
  return answer
}

import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import type { Alarms } from '../../../src/alarms.ts'
import { type Clock, systemClock } from '../../../src/clock.ts'
import { createDeliver, type Deliver } from '../../../src/deliver/deliver.ts'
import { DELIVER_DEFAULTS, type DeliverDeps, type DeliverOptions } from '../../../src/deliver/options.ts'
import { type HostsRoute, MX_ROUTE, OPPORTUNISTIC, type Route } from '../../../src/deliver/route.ts'
import type { MessageStore } from '../../../src/deliver/store.ts'
import type { Log } from '../../../src/log.ts'
import { parseAddress } from '../../../src/mail/address.ts'
import { memoryContent } from '../../../src/mail/content.ts'
import type { Envelope, Recipient, ReversePath } from '../../../src/mail/envelope.ts'
import type { QueueId } from '../../../src/mail/queue-id.ts'
import type { Metrics } from '../../../src/metrics.ts'
import type { DeliveryPlan, NewMessage } from '../../../src/spool/contract.ts'
import { type OpenSpool, openSpool } from '../../../src/spool/open.ts'
import type { TlsResult } from '../../../src/transport/contract.ts'
import { type ManualClock, manualClock } from '../../support/clock.ts'
import { type Scope, temporaryFolder } from '../../support/folder.ts'
import { scriptedSecurity } from '../../support/security.ts'
import { type Zone, type ZoneResolver, zoneResolver } from '../../support/zone.ts'

export const HOSTNAME = 'relay.example.test'

export interface RelaySetting {
  readonly zone?: Zone
  readonly failing?: readonly string[]
  readonly options?: Partial<DeliverOptions>
  readonly store?: MessageStore
  /** Real time instead of a clock that the test moves. */
  readonly realTime?: true
  /** 0 to 1; without it always a half, so that waits have no jitter. */
  readonly random?: () => number
  readonly security?: DeliverDeps['security']
  readonly holdAgain?: NonNullable<DeliverDeps['holdAgain']>
  /** Nothing is sent before `deliver.poke()`. */
  readonly asleep?: true
  /** The spool's thread ends at this commit. */
  readonly diesAtCommit?: number
}

/** A spool and a delivery of its own, on a clock that the test moves. */
export interface TestRelay {
  readonly clock: ManualClock
  readonly spool: OpenSpool
  /** Of the spool. */
  readonly folder: string
  readonly deliver: Deliver
  readonly options: DeliverOptions
  readonly resolver: ZoneResolver
  readonly log: LogLine[]
  /** Every word to the operators, in order. */
  readonly alarms: AlarmLine[]
  readonly results: TlsResult[]
  readonly counted: Map<string, number>
  /** Puts a message as accept does: with what delivery plans, and hands over its leases. */
  submit(message: TestMessage): Promise<QueueId>
  /** Puts a message that waits in the spool. */
  enqueue(message: TestMessage): Promise<QueueId>
  /** Waits in real time until nothing is in memory and nothing is being written. */
  quiet(): Promise<void>
  /** Goes to a time, stopping wherever something is due. */
  goTo(timeMs: number): Promise<void>
  /** `goTo` some milliseconds from now. */
  advance(ms: number): Promise<void>
}

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly fields: Record<string, unknown>
  readonly message: string
}

export interface AlarmLine {
  readonly is: 'raised' | 'cleared'
  readonly key: string
  readonly text?: string
}

export interface TestMessage {
  readonly from?: string | null
  readonly to: string | readonly (string | (Partial<Recipient> & { readonly to: string }))[]
  readonly content?: string | Buffer
  readonly envelope?: Partial<Envelope>
  /** `*` for the outside world. */
  readonly client?: string
}

export const DEFAULT_CONTENT =
  'From: a@royal.example.test\r\nMessage-ID: <one@royal.example.test>\r\nSubject: test\r\n\r\nHello\r\n'

export async function startRelay(scope: Scope, setting: RelaySetting = {}): Promise<TestRelay> {
  const clock = manualClock()
  const time: Clock = setting.realTime ? systemClock : clock
  const log: LogLine[] = []
  const alarms: AlarmLine[] = []
  const results: TlsResult[] = []
  const counted = new Map<string, number>()
  const seams = { log: logOf(log), metrics: metricsOf(counted) }
  // The spool asks for the time, and looks after itself in real time
  const folder = temporaryFolder(scope, 'deliver')
  const { diesAtCommit: nth } = setting
  const spool = await openSpool(
    {
      path: folder,
      ballastBytes: 0,
      reserveBytes: 0,
      ...(nth !== undefined && { crash: { name: 'commit.after', nth, how: 'exit' } }),
    },
    { ...seams, clock: { now: () => time.now(), after: systemClock.after } },
  )
  const resolver = zoneResolver(setting.zone ?? {}, setting.failing ?? [])
  const options = { ...DELIVER_DEFAULTS, hostname: HOSTNAME, helo: HOSTNAME, ...setting.options }
  const deps = {
    ...seams,
    spool,
    resolver,
    clock: time,
    store: setting.store ?? null,
    security: setting.security ?? scriptedSecurity(),
    alarms: alarmsOf(alarms),
    tlsResults: { add: (result: TlsResult) => void results.push(result) },
    random: setting.random ?? (() => 0.5),
    ...(setting.holdAgain && { holdAgain: setting.holdAgain }),
  }
  const deliver = createDeliver(options, deps)
  scope.after(async () => {
    await deliver.close(0)
    await spool.close()
  })
  if (!setting.asleep) deliver.poke()
  const put = async (message: TestMessage, plan: (recipient: Recipient, envelope: Envelope) => DeliveryPlan) => {
    const made = newMessage(message, time.now())
    const stored = await spool.put(
      made,
      made.envelope.rcptTo.map((recipient) => plan(recipient, made.envelope)),
    )
    deliver.take(stored.leases)
    // What their paths must prove is decided by now
    await setImmediate()
    return stored.queueId
  }
  const goTo = async (timeMs: number): Promise<void> => {
    await quiet(deliver, spool)
    while (clock.now() < timeMs) {
      const due = (await spool.nextDue()) ?? timeMs
      clock.goTo(Math.min(timeMs, Math.max(due, clock.now() + 1000)))
      await quiet(deliver, spool)
    }
    // What the timer would find within its next minute
    await deliver.sweep()
    await quiet(deliver, spool)
  }
  return {
    clock,
    goTo,
    advance: (ms) => goTo(clock.now() + ms),
    spool,
    folder,
    deliver,
    options,
    resolver,
    log,
    alarms,
    results,
    counted,
    submit: (message) => put(message, (recipient, envelope) => deliver.plan(recipient, envelope)),
    enqueue: (message) =>
      put(message, ({ address }) => ({
        do: 'deliver',
        destination: address.domain,
        dueAt: time.now(),
        leaseUntil: null,
      })),
    quiet: () => quiet(deliver, spool),
  }
}

/** Several looks in a row, because one thing leads to another through the spool's thread. */
async function quiet(deliver: Deliver, spool: OpenSpool): Promise<void> {
  const end = performance.now() + 20_000
  for (let still = 0; still < 3; ) {
    await spool.nextDue()
    await sleep(2)
    const { states } = await spool.summary()
    const busy =
      deliver.status().messages > 0 || states.leased > 0 || deliver.status().nextHops.some((hop) => hop.opening > 0)
    still = busy ? 0 : still + 1
    if (performance.now() > end) throw new Error(`never quiet: ${JSON.stringify(deliver.status())}`)
  }
}

export function address(text: string) {
  const parsed = parseAddress(text, { utf8: true })
  if (parsed === null) throw new Error(`no address: ${text}`)
  return parsed
}

export function newMessage(
  { from = 'nurse@royal.example.test', to, content, envelope, client }: TestMessage,
  now: number,
): NewMessage {
  const mailFrom: ReversePath = from === null ? null : address(from)
  const recipients = typeof to === 'string' ? [to] : to
  const rcptTo = recipients.map((each): Recipient => {
    if (typeof each === 'string') return { address: address(each), notify: null, orcpt: null }
    const { to: text, ...rest } = each
    return { address: address(text), notify: null, orcpt: null, ...rest }
  })
  return {
    envelope: {
      mailFrom,
      rcptTo,
      envid: null,
      ret: null,
      smtputf8: false,
      body: '7bit',
      requireTls: false,
      ...envelope,
    },
    prefix: Buffer.from('Received: from test\r\n'),
    content: memoryContent(Buffer.from(content ?? DEFAULT_CONTENT)),
    receivedAt: now,
    client: client ?? 'royal-infirmary',
    messageId: null,
    facts: {},
  }
}

/** A route to hosts on 127.0.0.1, or elsewhere if a host is given. */
export function hosts(...ports: readonly (number | readonly [host: string, port: number])[]): HostsRoute {
  return {
    via: 'hosts',
    protocol: 'smtp',
    hosts: ports.map((port) =>
      typeof port === 'number' ? { host: '127.0.0.1', port } : { host: port[0], port: port[1] },
    ),
    order: 'listed',
    tls: OPPORTUNISTIC,
    login: null,
  }
}

/** Domains with routes of their own; everything else by MX. */
export const routes = (domains: Readonly<Record<string, Route>>, otherwise: Route = MX_ROUTE) => ({
  default: otherwise,
  domains: new Map(Object.entries(domains)),
})

/** MX on a port of the test's, with loopback allowed. */
export const mxAt = (port: number): Pick<DeliverOptions, 'routes' | 'lookup'> => ({
  routes: { default: { ...MX_ROUTE, port }, domains: new Map() },
  lookup: { ...DELIVER_DEFAULTS.lookup, allowLocal: true },
})

const alarmsOf = (lines: AlarmLine[]): Alarms => ({
  raise: (key, text) => void lines.push({ is: 'raised', key, text }),
  clear: (key) => void lines.push({ is: 'cleared', key }),
})

function logOf(lines: LogLine[]): Log {
  const add = (level: LogLine['level']) => (fields: object, message: string) => {
    lines.push({ level, fields: fields as Record<string, unknown>, message })
  }
  return { debug() {}, info: add('info'), warn: add('warn'), error: add('error') }
}

function metricsOf(counted: Map<string, number>): Metrics {
  return {
    count(name, labels = {}, by = 1) {
      const key = `${name}{${Object.values(labels).join(',')}}`
      counted.set(key, (counted.get(key) ?? 0) + by)
    },
    observe() {},
    gauge() {},
  }
}

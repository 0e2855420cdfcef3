import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Reply } from '../mail/reply.ts'
import type { Resolver } from '../net/dns.ts'
import type { ClientFailure, ClientPhase } from '../smtp/client/contract.ts'
import { failureOf } from '../smtp/client/failure.ts'
import type { HostDemand, TlsResults } from '../transport/contract.ts'
import { type Opened, openCarrier, storeCarrier } from './carrier.ts'
import { type Connection, type Hop, targetName } from './hop.ts'
import type { DeliverOptions } from './options.ts'
import { demandOn, type PathSecurity, securityFacts } from './path-security.ts'
import { ownReply } from './replies.ts'
import type { MessageStore } from './store.ts'
import { type Target, type Targets, targetsOf } from './targets.ts'
import { failureOfTls, type TlsCourse, tellsOfTls } from './tls-results.ts'

/** Why nothing of a next hop could be reached. */
export interface Unreachable {
  /** `permanent`: no later attempt will find it otherwise. */
  readonly is: 'permanent' | 'temporary'
  /** The last thing that was said, by the peer or by us. */
  readonly reply: Reply
  /** The host that said it, where one did. */
  readonly remote: string | null
  /** What went wrong, host by host. */
  readonly tried: readonly string[]
  /** What kept some host from being proven, where that was asked for; null: it was not for that. */
  readonly unproven: string | null
}

export type Connected =
  | { readonly ok: true; readonly connection: Connection }
  | { readonly ok: false; readonly why: Unreachable }

export interface ConnectContext {
  readonly options: DeliverOptions
  readonly resolver: Resolver
  readonly clock: Clock
  readonly log: Log
  readonly store: MessageStore | null
  readonly tlsResults: TlsResults
  readonly random: () => number
  /** True when it is no longer worth trying. */
  readonly isClosing: () => boolean
}

/** Opens a connection to the first address of a next hop that takes one. Never rejects. */
export async function connectTo(hop: Hop, context: ConnectContext): Promise<Connected> {
  if (hop.next.route.via === 'store') return toStore(context)
  const found = await lookUp(hop, context)
  if (found.is !== 'found') return { ok: false, why: { ...found, remote: null, tried: [], unproven: null } }
  hop.targets = found.targets
  const failures: Failed[] = []
  for (const target of leastAvoided(hop, context.clock.now())) {
    const { security } = hop.next
    const demand = security && demandOn(target, security)
    const opened = await open(hop, target, demand, context)
    if (opened.ok) return { ok: true, connection: networkConnection(opened, target, { security, demand }, context) }
    hop.avoid(target, context.clock.now() + context.options.lookup.avoidMs)
    failures.push({ target, failure: opened.failure, demand })
    if (context.isClosing()) break
  }
  return { ok: false, why: unreachable(hop, failures) }
}

interface Failed {
  readonly target: Target
  readonly failure: ClientFailure
  readonly demand: HostDemand | null
}

async function open(hop: Hop, target: Target, demand: HostDemand | null, context: ConnectContext): Promise<Opened> {
  const { route, security } = hop.next
  if (route.via === 'store' || (security !== null && demand === null)) return UNDECIDED
  // Whose turn it is now is whom the session is opened for
  const path = hop.foremost?.security ?? security
  const opened = await openCarrier(target, route, demand, context.options, context)
  // RFC 8460 is about what a domain publishes, not about hosts that somebody named here
  const isPublic = hop.next.hosts.from !== 'configured'
  if (isPublic && path !== null && demand !== null) report(opened, target, { path, demand }, context)
  return opened
}

/** What nobody decided about is not tried. */
const UNDECIDED: Opened = {
  ok: false,
  failure: failureOf('tls', 'nothing was decided about this host'),
  localAddress: null,
}

function report(
  opened: Opened,
  { host, address }: Target,
  { path, demand }: { path: PathSecurity; demand: HostDemand },
  { tlsResults, clock }: ConnectContext,
): void {
  const { reported: policies } = path.decision
  const course: TlsCourse = opened.ok ? opened : { session: null, failure: opened.failure }
  if (policies.length === 0 || !tellsOfTls(course)) return
  const failure = failureOfTls(course, demand, policies)
  tlsResults.add({
    at: clock.now(),
    domain: path.domain,
    policies,
    host,
    address,
    localAddress: opened.localAddress,
    failure,
  })
}

function networkConnection(
  { carrier }: Extract<Opened, { ok: true }>,
  target: Target,
  { security, demand }: { security: PathSecurity | null; demand: HostDemand | null },
  { clock }: ConnectContext,
): Connection {
  const proves = carrier.session?.tls === null ? 'clear' : (demand?.proves ?? 'unproven')
  return connectionOf(carrier, target, security && { ...securityFacts(security), proves }, clock.now())
}

const connectionOf = (
  carrier: Connection['carrier'],
  target: Target | null,
  security: Connection['security'],
  now: number,
): Connection => ({
  carrier,
  target,
  security,
  openedAt: now,
  idleSince: now,
  sent: 0,
})

function toStore({ store, clock, options: { timeouts } }: ConnectContext): Connected {
  if (store !== null) {
    return { ok: true, connection: connectionOf(storeCarrier(store, clock, timeouts.end), null, null, clock.now()) }
  }
  const reply = ownReply(451, '4.3.5', 'there are no mailboxes here')
  return { ok: false, why: { is: 'temporary', reply, remote: null, tried: [], unproven: null } }
}

async function lookUp(hop: Hop, context: ConnectContext): Promise<Targets> {
  const { route, hosts, name } = hop.next
  if (route.via === 'socket') return { is: 'found', targets: [{ host: name, address: route.path, port: 0 }] }
  const { options, resolver, random } = context
  const found = await targetsOf(hosts, { options: options.lookup, hostname: options.hostname, resolver, random })
  if (found.is !== 'found' || route.via !== 'hosts' || route.order === 'listed') return found
  const first = hop.rotation++ % found.targets.length
  return { is: 'found', targets: [...found.targets.slice(first), ...found.targets.slice(0, first)] }
}

/** Addresses that failed lately come last, and come all the same: they may be all that there is. */
function leastAvoided(hop: Hop, now: number): Target[] {
  const { good = [], bad = [] } = Object.groupBy(hop.targets, (target) => (hop.isAvoided(target, now) ? 'bad' : 'good'))
  return [...good, ...bad]
}

function unreachable({ next }: Hop, failures: readonly Failed[]): Unreachable {
  const tried = failures.map(({ target, failure: { text } }) => `${targetName(target)}: ${text}`)
  const unproven = tried.find((_, i) => isUnproven(failures[i])) ?? null
  const { target, failure } = failures.at(-1) ?? {}
  if (!target || !failure) {
    return { is: 'temporary', reply: ownReply(451, '4.4.4', 'no address to try'), remote: null, tried, unproven }
  }
  // RFC 7504: every host says that it never takes mail. What an operator configured can be put right.
  const never = next.hosts.from !== 'configured' && failures.every((each) => !each.failure.temporary)
  const remote = failure.reply === null ? null : target.host
  return { is: never ? 'permanent' : 'temporary', reply: replyOf(failure, target), remote, tried, unproven }
}

/** It answered, and could not show what was asked of it. */
const isUnproven = (failed: Failed | undefined): boolean =>
  failed?.failure.phase === 'tls' && failed.demand?.tls.mode !== 'opportunistic'

/** What is kept about a failed session: the peer's own words, or ours. */
export function replyOf({ reply, phase, text }: ClientFailure, target: Target | null): Reply {
  if (reply !== null && reply.code >= 400) return reply
  return ownReply(451, STATUS[phase] ?? '4.4.2', target === null ? text : `${targetName(target)}: ${text}`)
}

/** RFC 3463 section 3.5 and 3.8: no answer from the host, a bad connection, a failure of cryptography. */
const STATUS: Readonly<Partial<Record<ClientPhase, string>>> = { connect: '4.4.1', tls: '4.7.5', auth: '4.7.0' }

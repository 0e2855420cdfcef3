import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Reply } from '../mail/reply.ts'
import type { Resolver } from '../net/dns.ts'
import type { ClientFailure, ClientPhase } from '../smtp/client/contract.ts'
import { type Carrier, openCarrier, storeCarrier } from './carrier.ts'
import { type Connection, type Hop, targetName } from './hop.ts'
import type { DeliverOptions } from './options.ts'
import { ownReply } from './replies.ts'
import type { MessageStore } from './store.ts'
import { type Target, type Targets, targetsOf } from './targets.ts'

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
  readonly random: () => number
  /** True when it is no longer worth trying. */
  readonly isClosing: () => boolean
}

/** Opens a connection to the first address of a next hop that takes one. Never rejects. */
export async function connectTo(hop: Hop, context: ConnectContext): Promise<Connected> {
  const { route } = hop.next
  if (route.via === 'store') return toStore(context)
  const found = await lookUp(hop, context)
  if (found.is !== 'found') return { ok: false, why: { ...found, remote: null, tried: [] } }
  hop.targets = found.targets
  const failures: [Target, ClientFailure][] = []
  for (const target of leastAvoided(hop, context.clock.now())) {
    const opened = await openCarrier(target, route, hop.next, context.options, context)
    if (opened.ok) return { ok: true, connection: connectionOf(opened.carrier, target, context.clock.now()) }
    hop.avoid(target, context.clock.now() + context.options.lookup.avoidMs)
    failures.push([target, opened.failure])
    if (context.isClosing()) break
  }
  return { ok: false, why: unreachable(hop, failures) }
}

const connectionOf = (carrier: Carrier, target: Target | null, now: number): Connection => ({
  carrier,
  target,
  openedAt: now,
  idleSince: now,
  sent: 0,
})

function toStore({ store, clock, options: { timeouts } }: ConnectContext): Connected {
  if (store !== null) {
    return { ok: true, connection: connectionOf(storeCarrier(store, clock, timeouts.end), null, clock.now()) }
  }
  const reply = ownReply(451, '4.3.5', 'there are no mailboxes here')
  return { ok: false, why: { is: 'temporary', reply, remote: null, tried: [] } }
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

function unreachable({ next }: Hop, failures: readonly [Target, ClientFailure][]): Unreachable {
  const tried = failures.map(([target, { text }]) => `${targetName(target)}: ${text}`)
  const [target, failure] = failures.at(-1) ?? []
  if (!target || !failure)
    return { is: 'temporary', reply: ownReply(451, '4.4.4', 'no address to try'), remote: null, tried }
  // RFC 7504: every host says that it never takes mail. What an operator configured can be put right.
  const never = next.hosts.from !== 'configured' && failures.every(([, { temporary }]) => !temporary)
  const reply = replyOf(failure, target)
  return { is: never ? 'permanent' : 'temporary', reply, remote: failure.reply === null ? null : target.host, tried }
}

/** What is kept about a failed session: the peer's own words, or ours. */
export function replyOf({ reply, phase, text }: ClientFailure, target: Target | null): Reply {
  if (reply !== null && reply.code >= 400) return reply
  return ownReply(451, STATUS[phase] ?? '4.4.2', target === null ? text : `${targetName(target)}: ${text}`)
}

/** RFC 3463 section 3.5 and 3.8: no answer from the host, a bad connection, a failure of cryptography. */
const STATUS: Readonly<Partial<Record<ClientPhase, string>>> = { connect: '4.4.1', tls: '4.7.5', auth: '4.7.0' }

import { isIP } from 'node:net'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Envelope } from '../mail/envelope.ts'
import { reply } from '../mail/reply.ts'
import type {
  ClientFailure,
  ClientSession,
  ClientTarget,
  ClientTls,
  RecipientReply,
  SendResult,
} from '../smtp/client/contract.ts'
import { openOpportunistic } from '../smtp/client/open.ts'
import type { Lease } from '../spool/contract.ts'
import type { HostDemand } from '../transport/contract.ts'
import { discreet } from './discreet.ts'
import type { DeliverOptions } from './options.ts'
import { ownReply } from './replies.ts'
import type { Route } from './route.ts'
import type { MessageStore, StoreAnswer, StoredMessage } from './store.ts'
import type { Target } from './targets.ts'

/** What carries messages to a next hop, one at a time: a session over the network, or the mailboxes here. */
export interface Carrier {
  readonly usable: boolean
  /** The session over the network, or null. */
  readonly session: ClientSession | null
  readonly closed: Promise<void>
  send(lease: Lease): Promise<SendResult>
  quit(): Promise<void>
  destroy(): void
}

export type Opened =
  | {
      readonly ok: true
      readonly carrier: Carrier
      readonly session: ClientSession
      /** Why it is in clear, where TLS was tried and failed. */
      readonly fellBack: ClientFailure | null
      readonly localAddress: string | null
    }
  | { readonly ok: false; readonly failure: ClientFailure; readonly localAddress: string | null }

type NetworkRoute = Exclude<Route, { via: 'store' }>
type NetworkOptions = Pick<DeliverOptions, 'helo' | 'timeouts' | 'localAddresses'>

/** Opens a session with one address, as secure as `demand` says; null on this machine. Never rejects. */
export async function openCarrier(
  target: Target,
  route: NetworkRoute,
  demand: HostDemand | null,
  options: NetworkOptions,
  { clock, log }: { clock: Clock; log: Log },
): Promise<Opened> {
  const eightBit = route.via === 'hosts' && route.eightBitWithout8BitMime
  const to = clientTarget(target, route, demand, options)
  const opened = await openOpportunistic(to, { clock, log, ...(eightBit && { eightBitWithout8BitMime: eightBit }) })
  if (!opened.ok) return opened
  const { session, fellBack = null, localAddress } = opened
  return { ok: true, carrier: sessionCarrier(session, demand), session, fellBack, localAddress }
}

function clientTarget(
  { host, address, port }: Target,
  route: NetworkRoute,
  demand: HostDemand | null,
  { helo, timeouts, localAddresses }: NetworkOptions,
): ClientTarget {
  const protocol = route.via === 'mx' ? 'smtp' : route.via === 'socket' ? 'lmtp' : route.protocol
  const localAddress = localAddresses.find((local) => isIP(local) === isIP(address)) ?? null
  const login = route.via === 'hosts' ? route.login : null
  const tls: ClientTls = demand === null ? { mode: 'none' } : demand.tls
  return { host, address, port, protocol, tls, login, helo, timeouts, localAddress }
}

function sessionCarrier(session: ClientSession, demand: HostDemand | null): Carrier {
  const mayBeSensitive = demand === null || (PROVING.has(demand.proves) && session.tls?.verified === true)
  return {
    get usable() {
      return session.usable
    },
    session,
    closed: session.closed,
    send({ envelope, content }) {
      if (envelope.sensitive === true && !mayBeSensitive) return Promise.resolve(unsafe(envelope))
      const sending = session.send(envelopeFor(session, envelope), content)
      return envelope.sensitive === true ? sending.then(discreet) : sending
    },
    quit: () => session.quit(),
    destroy: () => session.destroy(),
  }
}

/** That a certificate is good for a host whom the DNS named proves nothing yet: somebody must have asked for it. */
const PROVING: ReadonlySet<HostDemand['proves']> = new Set(['pkix', 'dane-ee', 'dane-ta', 'dane', 'pinned'])

const NOT_PROVEN = ownReply(451, '4.7.5', 'the message is sensitive, and the path is not proven')

/** Nobody should ask for this: a decision that leads a sensitive message here is wrong. */
const unsafe = ({ rcptTo }: Envelope): SendResult => ({
  recipients: rcptTo.map(() => ({ is: 'deferred', reply: NOT_PROVEN, phase: 'mail' })),
  failure: null,
  dsnHandedOn: false,
})

/** RFC 8689 section 5: a message with the null reverse-path goes on where REQUIRETLS is not offered, too. */
function envelopeFor({ extensions, tls }: ClientSession, envelope: Lease['envelope']): Lease['envelope'] {
  if (!envelope.requireTls || envelope.mailFrom !== null) return envelope
  return tls?.verified === true && extensions.has('REQUIRETLS') ? envelope : { ...envelope, requireTls: false }
}

/** The mailboxes of this process, as something that messages are handed to. One that does not answer within `timeoutMs` defers. */
export function storeCarrier(store: MessageStore, clock: Clock, timeoutMs: number): Carrier {
  let giveUp = () => {}
  return {
    usable: true,
    session: null,
    closed: new Promise(() => {}),
    async send({ queueId, envelope, content, receivedAt }) {
      const late = Promise.withResolvers<readonly StoreAnswer[]>()
      giveUp = () => late.resolve([])
      const cancel = clock.after(timeoutMs, giveUp)
      const answering = askStore(store, { queueId, envelope, content, receivedAt })
      const answers = await Promise.race([answering, late.promise]).finally(cancel)
      return { recipients: envelope.rcptTo.map((_, i) => answered(answers[i])), failure: null, dsnHandedOn: false }
    },
    quit: async () => {},
    destroy: () => giveUp(),
  }
}

const STORE_FAILED = reply(451, '4.3.0', 'The mailbox cannot be written at the moment')

async function askStore(store: MessageStore, message: StoredMessage): Promise<readonly StoreAnswer[]> {
  try {
    return await store.deliver(message)
  } catch {
    return []
  }
}

function answered(answer: StoreAnswer | undefined): RecipientReply {
  if (!answer) return { is: 'deferred', reply: STORE_FAILED, phase: 'end' }
  return { is: answer.is === 'delivered' ? 'relayed' : answer.is, reply: answer.reply, phase: 'end' }
}

import { isIP } from 'node:net'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
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
import type { DeliverOptions } from './options.ts'
import type { Route, RouteTls } from './route.ts'
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
  | { readonly ok: true; readonly carrier: Carrier }
  | { readonly ok: false; readonly failure: ClientFailure }

/** What a path must be, beside what its route says. */
export interface PathDemands {
  /** RFC 8689: proven TLS, whatever the route would be content with. */
  readonly strict: boolean
}

/** Opens a session with one address. Never rejects. */
export async function openCarrier(
  target: Target,
  route: Exclude<Route, { via: 'store' }>,
  { strict }: PathDemands,
  options: Pick<DeliverOptions, 'helo' | 'timeouts' | 'localAddresses'>,
  { clock, log }: { clock: Clock; log: Log },
): Promise<Opened> {
  const opened = await openOpportunistic(clientTarget(target, route, strict, options), { clock, log })
  return opened.ok ? { ok: true, carrier: sessionCarrier(opened.session) } : opened
}

function clientTarget(
  { host, address, port }: Target,
  route: Exclude<Route, { via: 'store' }>,
  strict: boolean,
  { helo, timeouts, localAddresses }: Pick<DeliverOptions, 'helo' | 'timeouts' | 'localAddresses'>,
): ClientTarget {
  const protocol = route.via === 'mx' ? 'smtp' : route.via === 'socket' ? 'lmtp' : route.protocol
  const localAddress = localAddresses.find((local) => isIP(local) === isIP(address)) ?? null
  const login = route.via === 'hosts' ? route.login : null
  const tls: ClientTls = route.via === 'socket' ? { mode: 'none' } : clientTls(route.tls, host, strict)
  return { host, address, port, protocol, tls, login, helo, timeouts, localAddress }
}

function clientTls({ mode, verify, options }: RouteTls, host: string, strict: boolean): ClientTls {
  if (mode === 'none' && !strict) return { mode }
  if (mode === 'opportunistic' && !strict) return { mode, options }
  const check = (peer: PeerCertificate, error: string | null) => problemOf(host, peer, error)
  return { mode: mode === 'implicit' ? 'implicit' : 'required', options, verify: verify || strict ? check : null }
}

/** RFC 9525: a chain that leads to an authority, and the host's name. */
function problemOf(host: string, peer: PeerCertificate, authorizationError: string | null): string | null {
  return authorizationError ?? checkServerIdentity(host, peer)?.message ?? null
}

function sessionCarrier(session: ClientSession): Carrier {
  return {
    get usable() {
      return session.usable
    },
    session,
    closed: session.closed,
    send: ({ envelope, content }) => session.send(envelopeFor(session, envelope), content),
    quit: () => session.quit(),
    destroy: () => session.destroy(),
  }
}

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

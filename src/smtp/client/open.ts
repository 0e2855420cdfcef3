import type { Socket } from 'node:net'
import { type Clock, systemClock } from '../../clock.ts'
import type { Reply } from '../../mail/reply.ts'
import { signIn } from './auth.ts'
import { connectTo } from './connect.ts'
import {
  type ClientLimits,
  type ClientOptions,
  type ClientPhase,
  type ClientTarget,
  type ClientTlsFacts,
  DEFAULT_LIMITS,
  type OpenResult,
} from './contract.ts'
import { asFailure, PhaseError, tlsFailure } from './failure.ts'
import { type Extensions, greet, hello, refusal } from './hello.ts'
import { type SecureTls, secure } from './secure.ts'
import { Session } from './session.ts'
import { Wire } from './wire.ts'

const READY = 220

/** What is known of a connection so far. After TLS all of it is new (RFC 3207 section 4.2). */
interface Opening {
  readonly wire: Wire
  readonly extensions: Extensions
  readonly tls: ClientTlsFacts | null
}

/**
 * Opens a session up to the point where mail can be sent: connects, greets, secures, signs in.
 * Never rejects. With `opportunistic` a failed handshake is a failure of phase `tls`:
 * `openOpportunistic` goes on from there.
 */
export async function openSession(target: ClientTarget, options: ClientOptions): Promise<OpenResult> {
  const opener = new Opener(target, options.clock ?? systemClock, options.limits ?? DEFAULT_LIMITS)
  try {
    const session = new Session(await opener.open(), target, options)
    options.log.debug({ ...named(target), tls: session.tls?.protocol ?? null }, 'session open')
    return { ok: true, session, localAddress: opener.localAddress }
  } catch (error) {
    opener.abandon()
    const failure = asFailure(error, opener.phase)
    options.log.debug({ ...named(target), phase: failure.phase, failure: failure.text }, 'session not opened')
    return { ok: false, failure, localAddress: opener.localAddress }
  }
}

/**
 * Like `openSession`, and where opportunistic TLS failed, once more in a new connection and in clear:
 * to the sender that expects no security, mail that arrives in clear is better than mail that does not
 * (RFC 7435 section 3). Any other mode is `openSession`.
 */
export async function openOpportunistic(target: ClientTarget, options: ClientOptions): Promise<OpenResult> {
  const first = await openSession(target, options)
  if (first.ok || target.tls.mode !== 'opportunistic' || first.failure.phase !== 'tls') return first
  options.log.info({ ...named(target), failure: first.failure.text }, 'TLS failed, going on in clear')
  const second = await openSession({ ...target, tls: { mode: 'none' } }, options)
  return second.ok ? { ...second, fellBack: first.failure } : second
}

const refusedTls = (reply: Reply): PhaseError =>
  new PhaseError({ ...refusal('tls', reply).failure, tls: { is: 'refused', error: null } })

const named = ({ host, address, port }: ClientTarget) => ({ host, address, port })

/** Opens one connection, phase by phase, and remembers what to close when a phase fails. */
class Opener {
  phase: ClientPhase = 'connect'
  localAddress: string | null = null
  readonly #target: ClientTarget
  readonly #clock: Clock
  readonly #limits: ClientLimits
  #socket: Socket | null = null

  constructor(target: ClientTarget, clock: Clock, limits: ClientLimits) {
    this.#target = target
    this.#clock = clock
    this.#limits = limits
  }

  async open(): Promise<Opening & { limits: ClientLimits }> {
    const socket = await connectTo(this.#target, this.#clock)
    this.#socket = socket
    this.localAddress = socket.localAddress ?? null
    const opening = await this.#encrypt(await this.#greet(socket))
    const { login } = this.#target
    this.phase = 'auth'
    if (login !== null) {
      await signIn(opening.wire, this.#target, login, { ...opening, secured: opening.tls !== null })
    }
    const { failure } = opening.wire
    if (failure !== null) throw new PhaseError(failure)
    return { ...opening, limits: this.#limits }
  }

  abandon(): void {
    this.#socket?.destroy()
  }

  /** As far as EHLO, over TLS from the first byte where the mode says so. */
  async #greet(socket: Socket): Promise<Opening> {
    const { tls } = this.#target
    const secured = tls.mode === 'implicit' ? await this.#secure(socket, tls) : null
    this.phase = 'greeting'
    const wire = this.#wire(secured?.socket ?? socket)
    await greet(wire, this.#target)
    return { wire, extensions: await this.#hello(wire), tls: secured?.facts ?? null }
  }

  async #hello(wire: Wire): Promise<Extensions> {
    this.phase = 'hello'
    return hello(wire, this.#target)
  }

  async #encrypt(opening: Opening): Promise<Opening> {
    const { tls } = this.#target
    if (tls.mode === 'none' || tls.mode === 'implicit') return opening
    if (opening.extensions.has('STARTTLS')) return this.#startTls(opening.wire, tls)
    if (tls.mode === 'opportunistic') return opening
    throw tlsFailure('not-offered', 'TLS is required, and STARTTLS is not offered')
  }

  /** RFC 3207. */
  async #startTls(clear: Wire, tls: SecureTls): Promise<Opening> {
    this.phase = 'tls'
    const reply = await clear.ask('tls', this.#target.timeouts.tls, 'STARTTLS\r\n')
    if (reply.code !== READY) throw refusedTls(reply)
    const { socket, facts } = await this.#secure(clear.detach(), tls)
    const wire = this.#wire(socket)
    return { wire, extensions: await this.#hello(wire), tls: facts }
  }

  async #secure(socket: Socket, tls: SecureTls) {
    this.phase = 'tls'
    const secured = await secure(socket, this.#target, tls, this.#clock)
    this.#socket = secured.socket
    return secured
  }

  #wire(socket: Socket): Wire {
    return new Wire(socket, this.#clock, this.#limits)
  }
}

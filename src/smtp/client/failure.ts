import type { Reply } from '../../mail/reply.ts'
import type { ClientFailure, ClientPhase, TlsTrouble } from './contract.ts'

/** Carries a failure out of the phases that open a session. Never leaves this folder. */
export class PhaseError extends Error {
  override readonly name = 'PhaseError'
  readonly failure: ClientFailure

  constructor(failure: ClientFailure) {
    super(failure.text)
    this.failure = failure
  }
}

// RFC 7504 section 3: the host never accepts mail
const NEVER_TAKES_MAIL = 521

export const failureOf = (phase: ClientPhase, text: string, reply: Reply | null = null): ClientFailure => ({
  phase,
  reply,
  text,
  temporary: !(phase === 'greeting' && reply?.code === NEVER_TAKES_MAIL),
})

/** A failure to come by TLS that is good enough. */
export const tlsFailure = (is: TlsTrouble['is'], text: string, error: string | null = null): PhaseError =>
  new PhaseError({ ...failureOf('tls', text), tls: { is, error } })

/** What any thrown thing means for the phase in which it was thrown. An unknown failure is temporary. */
export const asFailure = (error: unknown, phase: ClientPhase): ClientFailure =>
  error instanceof PhaseError ? error.failure : failureOf(phase, socketErrorText(error))

const SOCKET_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by the peer',
  EPIPE: 'connection closed by the peer',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'network unreachable',
  EADDRNOTAVAIL: 'the local address is not available',
  EACCES: 'permission denied',
  ENOENT: 'no such socket',
  EMFILE: 'too many open files',
}

/** An error of a socket or of TLS in words. */
export function socketErrorText(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return SOCKET_ERRORS[code] ?? ([code, error.message].filter((part) => part !== '').join(': ') || error.name)
}

/** `300 s`, `250 ms`. */
export const inWords = (ms: number): string => (ms < 1000 ? `${ms} ms` : `${Math.round(ms / 1000)} s`)

import { createHash } from 'node:crypto'
import { isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { Clock } from '../../clock.ts'
import type { ClientTarget, ClientTls, ClientTlsFacts } from './contract.ts'
import { failureOf, inWords, PhaseError, socketErrorText } from './failure.ts'

/** The modes that may use TLS. */
export type SecureTls = Exclude<ClientTls, { mode: 'none' }>

type Verify = NonNullable<Exclude<SecureTls, { mode: 'opportunistic' }>['verify']>

export interface Secured {
  readonly socket: TLSSocket
  readonly facts: ClientTlsFacts
}

/**
 * Puts TLS on a connected socket and checks the peer's certificate as the mode asks, before
 * anything else is sent. Rejects with PhaseError of phase `tls`.
 */
export async function secure(plain: Socket, target: ClientTarget, tls: SecureTls, clock: Clock): Promise<Secured> {
  const socket = await handshake(plain, target, tls.options, clock)
  const facts = factsOf(socket)
  const verify = tls.mode === 'opportunistic' ? null : tls.verify
  if (verify === null) return { socket, facts: { ...facts, verified: socket.authorized } }
  const problem = problemOf(socket, verify)
  if (problem !== null) {
    socket.destroy()
    throw new PhaseError(failureOf('tls', `the certificate does not hold: ${problem}`))
  }
  return { socket, facts: { ...facts, verified: true } }
}

function handshake(plain: Socket, target: ClientTarget, options: ConnectionOptions, clock: Clock): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>()
  // RFC 6066 section 3: SNI carries host names only. The checks come after the handshake, in `secure`.
  const servername = isIP(target.host) === 0 ? target.host : ''
  const socket = connect({ servername, ...options, socket: plain, host: target.host, rejectUnauthorized: false })
  const refuse = (text: string) => {
    socket.destroy()
    plain.destroy()
    reject(new PhaseError(failureOf('tls', text)))
  }
  const cancel = clock.after(target.timeouts.tls, () => refuse(`no TLS in ${inWords(target.timeouts.tls)}`))
  const closed = () => {
    cancel()
    refuse('connection closed by the peer in the TLS handshake')
  }
  socket.on('error', (error) => {
    cancel()
    refuse(`TLS handshake: ${socketErrorText(error)}`)
  })
  socket.once('close', closed)
  socket.once('secureConnect', () => {
    cancel()
    socket.off('close', closed)
    resolve(socket)
  })
  return promise
}

function factsOf(socket: TLSSocket): Omit<ClientTlsFacts, 'verified'> {
  const { raw } = socket.getPeerCertificate()
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().name,
    fingerprint: raw === undefined ? '' : createHash('sha256').update(raw).digest('hex'),
  }
}

function problemOf(socket: TLSSocket, verify: Verify): string | null {
  const peer = socket.getPeerCertificate(true)
  if (peer.raw === undefined) return 'there is none'
  const error = socket.authorizationError as Error | string | null | undefined
  try {
    return verify(peer, error ? String(error) : null)
  } catch (thrown) {
    return `the check itself failed (${socketErrorText(thrown)})`
  }
}

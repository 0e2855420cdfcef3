import { createHash } from 'node:crypto'
import { isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { Clock } from '../../clock.ts'
import type { ClientTarget, ClientTls, ClientTlsFacts, VerifyPeer } from './contract.ts'
import { inWords, socketErrorText, tlsFailure } from './failure.ts'

/** The modes that may use TLS. */
export type SecureTls = Exclude<ClientTls, { mode: 'none' }>

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
  const error = errorOf(socket)
  const problem = tls.verify ? problemOf(socket, tls.verify) : error
  if (problem !== null && tls.verify && tls.mode !== 'opportunistic') {
    socket.destroy()
    throw tlsFailure('certificate', `the certificate does not hold: ${problem}`, error)
  }
  return { socket, facts: { ...facts, verified: problem === null, problem, error } }
}

function handshake(plain: Socket, target: ClientTarget, options: ConnectionOptions, clock: Clock): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>()
  // RFC 6066 section 3: SNI carries host names only. The checks come after the handshake, in `secure`.
  const servername = isIP(target.host) === 0 ? target.host : ''
  const socket = connect({ servername, ...options, socket: plain, host: target.host, rejectUnauthorized: false })
  const refuse = (text: string) => {
    socket.destroy()
    plain.destroy()
    reject(tlsFailure('handshake', text))
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

function factsOf(socket: TLSSocket): Omit<ClientTlsFacts, 'verified' | 'problem' | 'error'> {
  const { raw } = socket.getPeerCertificate()
  return {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().name,
    fingerprint: raw === undefined ? '' : createHash('sha256').update(raw).digest('hex'),
  }
}

/** What OpenSSL or Node has against the chain or the name: a code such as `CERT_HAS_EXPIRED`. */
function errorOf(socket: TLSSocket): string | null {
  if (socket.authorized) return null
  const error = socket.authorizationError as Error | string | null | undefined
  return error ? String(error) : 'not authorized'
}

function problemOf(socket: TLSSocket, verify: VerifyPeer): string | null {
  const peer = socket.getPeerCertificate(true)
  if (peer.raw === undefined) return 'there is none'
  try {
    return verify(peer, errorOf(socket))
  } catch (thrown) {
    return `the check itself failed (${socketErrorText(thrown)})`
  }
}

import { connect, isIP, type NetConnectOpts, type Socket } from 'node:net'
import type { Clock } from '../../clock.ts'
import type { ClientTarget } from './contract.ts'
import { failureOf, inWords, PhaseError, socketErrorText } from './failure.ts'

// So that a session that is kept open notices a peer that vanished without a word
const KEEP_ALIVE_MS = 60_000

/** Opens a TCP connection or a Unix socket to a target. Rejects with PhaseError. */
export function connectTo(target: ClientTarget, clock: Clock): Promise<Socket> {
  const where = endpoint(target)
  if (where === null) return Promise.reject(new PhaseError(failureOf('connect', 'the address is not an IP address')))
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const socket = connect(where)
  const refuse = (text: string) => {
    socket.destroy()
    reject(new PhaseError(failureOf('connect', text)))
  }
  const cancel = clock.after(target.timeouts.connect, () =>
    refuse(`no connection in ${inWords(target.timeouts.connect)}`),
  )
  // Stays, so that no error is without a listener before the wire takes over
  socket.on('error', (error) => {
    cancel()
    refuse(socketErrorText(error))
  })
  socket.once('connect', () => {
    cancel()
    resolve(socket)
  })
  return promise
}

function endpoint({ address, port, localAddress }: ClientTarget): NetConnectOpts | null {
  if (address.startsWith('/')) return { path: address }
  if (isIP(address) === 0) return null
  const options = { host: address, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }
  return localAddress === null ? options : { ...options, localAddress }
}

import { connect, type Socket } from 'node:net'
import type { Clock } from '../../clock.ts'
import type { ScannerAddress } from './address.ts'
import { failureOf, ScannerFailure } from './failure.ts'

/** A connection within `timeoutMs`. Rejects with ScannerFailure `unreachable`, and when `signal` aborts. */
export function openSocket(
  { connect: where }: ScannerAddress,
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...where, noDelay: true })
    const fail = (error: unknown) => {
      done()
      socket.destroy()
      reject(failureOf(error, 'unreachable'))
    }
    const broken = () => fail(signal.reason)
    const cancel = clock.after(timeoutMs, () => fail(new ScannerFailure('unreachable', 'no connection in time')))
    const done = () => {
      cancel()
      signal.removeEventListener('abort', broken)
      socket.off('error', fail)
    }
    socket.once('error', fail)
    // an error after this is followed by `close`, which is what its owner waits for
    socket.on('error', () => {})
    socket.once('connect', () => {
      done()
      resolve(socket)
    })
    if (signal.aborted) broken()
    else signal.addEventListener('abort', broken, { once: true })
  })
}

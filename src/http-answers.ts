import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Gives up connections of an HTTP server whose peer takes nothing of an answer for `ms`, after half of it at the
 * earliest: Node by itself keeps them for ever. An answer that we are still thinking about is not given up. Counts for
 * requests from now on; `ms` is asked at each.
 */
export function boundAnswers(server: Server, ms: () => number): void {
  // Sockets have their own timer, which no clock reaches: it alone sees what the system has taken of a long write
  server.prependListener('request', (_: IncomingMessage, response: ServerResponse) => {
    const lookMs = Math.ceil(ms() / 2)
    response.setTimeout(lookMs)
    response.on('timeout', (socket: Socket) => {
      if (socket.writableLength > 0) socket.destroy()
      else socket.setTimeout(lookMs)
    })
  })
}

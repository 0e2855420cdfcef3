import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Bounds what one connection of an HTTP server may cost. Who takes nothing of an answer for `ms` is given up, after
 * half of it at the earliest: Node by itself keeps such connections for ever. Who asks again before the answer is
 * through is given up at once: Node would work on thousands of requests of one connection together. An answer that we are
 * still thinking about is waited for. To be called when the server has its listeners for requests; `ms` is asked at each.
 */
export function boundAnswers(server: Server, ms: () => number): void {
  const handlers = server.listeners('request') as RequestListener[]
  const last = new WeakMap<Socket, ServerResponse>()
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const before = last.get(request.socket)
    // What else came with the same packet is handed out all the same
    if (request.socket.destroyed || before?.writableFinished === false) return void request.socket.destroy()
    last.set(request.socket, response)
    giveUpWhoReadsNothing(response, ms())
    for (const handle of handlers) handle.call(server, request, response)
  })
}

/** Sockets have their own timer, which no clock reaches: it alone sees what the system has taken of a long write. */
function giveUpWhoReadsNothing(response: ServerResponse, ms: number): void {
  const lookMs = Math.ceil(ms / 2)
  response.setTimeout(lookMs)
  response.on('timeout', (socket: Socket) => {
    if (socket.writableLength > 0) socket.destroy()
    else socket.setTimeout(lookMs)
  })
}

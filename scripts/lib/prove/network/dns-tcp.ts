import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { defer, type Scope } from '../../../../test/support/scope.ts'

const ANSWER_MS = 2_000

/** Answers questions over TCP (RFC 1035 section 4.2.2) with what the name server at that UDP port says. Gives its port. */
export async function startDnsOverTcp(scope: Scope, udpPort: number): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    void serve(socket, udpPort)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  defer(scope, () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function serve(socket: Socket, udpPort: number): Promise<void> {
  let rest: Buffer = Buffer.alloc(0)
  try {
    for await (const chunk of socket) {
      rest = Buffer.concat([rest, chunk as Buffer])
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0)
        const answer = await ask(rest.subarray(2, end), udpPort)
        rest = rest.subarray(end)
        if (answer !== null)
          socket.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]))
      }
    }
  } catch {
    // reset
  }
}

async function ask(question: Buffer, port: number): Promise<Buffer | null> {
  const socket = createSocket('udp4')
  try {
    // Garbage is no question, and the name server may say nothing to it
    const answered = once(socket, 'message', { signal: AbortSignal.timeout(ANSWER_MS) })
    socket.send(question, port, '127.0.0.1')
    return (await answered)[0] as Buffer
  } catch {
    return null
  } finally {
    socket.close()
  }
}

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { defer, type Scope } from './scope.ts'

export interface Stripper {
  readonly port: number
  /** Everything that came through it towards the server. */
  seen(): string
}

/** Somebody on the path to `port` on 127.0.0.1 who reads along, and takes STARTTLS out of what the server offers. */
export async function startStripper(scope: Scope, port: number): Promise<Stripper> {
  let seen = ''
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (bytes: Buffer) => {
      seen += bytes.toString('latin1')
      upstream.write(bytes)
    })
    upstream.on('data', (bytes: Buffer) => client.write(withoutStartTls(bytes)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  defer(scope, () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, seen: () => seen }
}

/** In a line of its own, and in the last one. */
const withoutStartTls = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.toString('latin1').replace('250-STARTTLS\r\n', '').replace('250 STARTTLS', '250 HELP'), 'latin1')

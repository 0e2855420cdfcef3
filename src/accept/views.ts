import type { Direction, SessionView } from '../inspect/plugin.ts'
import type { WireSession } from '../smtp/server/contract.ts'
import type { Client } from './clients.ts'

/** What plugins see of a connection, as it is now. */
export function sessionView(wire: WireSession, client: Client | null, remoteName: string | null): SessionView {
  const { tls } = wire
  return {
    id: wire.id,
    remoteAddress: wire.remoteAddress,
    remoteName,
    helo: wire.helo,
    tls: tls === null ? null : { protocol: tls.protocol, cipher: tls.cipher, clientFingerprint: tls.clientFingerprint },
    client: client?.name ?? null,
    user: wire.user,
  }
}

/** Of a message with several recipients: `outbound` as soon as one of them is elsewhere. */
export function direction(client: Client | null, elsewhere: boolean): Direction {
  if (client === null) return 'inbound'
  return elsewhere ? 'outbound' : 'internal'
}

import type { TLSSocket } from 'node:tls'
import type { WireTls } from './contract.ts'

const ALLOWED: ReadonlySet<string> = new Set(['TLSv1.2', 'TLSv1.3'])

/** What is known of a TLS session once its handshake is done; null if its version is too old to count as one, whatever the context allowed. */
export function tlsFacts(socket: TLSSocket): WireTls | null {
  const protocol = socket.getProtocol()
  if (protocol === null || !ALLOWED.has(protocol)) return null
  const fingerprint = socket.getPeerX509Certificate()?.fingerprint256
  return {
    protocol,
    cipher: socket.getCipher().name,
    clientFingerprint: fingerprint?.replaceAll(':', '').toLowerCase() ?? null,
    socket,
  }
}

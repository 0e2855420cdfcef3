import type { NetConnectOpts } from 'node:net'
import { OptionsError } from '../options.ts'

/** Where a scanner listens. */
export interface ScannerAddress {
  /** As it stands in the configuration. */
  readonly name: string
  readonly connect: NetConnectOpts
}

const TCP = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/

/** Reads the path of a Unix socket (it begins with a slash), or `host:port`, IPv6 in brackets. Throws OptionsError. */
export function parseScannerAddress(plugin: string, key: string, text: string): ScannerAddress {
  if (text.startsWith('/')) return { name: text, connect: { path: text } }
  const [, v6, host = v6, digits] = TCP.exec(text) ?? []
  const port = Number(digits)
  if (host === undefined || port < 1 || port > 65_535)
    throw new OptionsError(
      `${plugin}: ${key}: expected the path of a Unix socket, or host:port, found ${JSON.stringify(text)}`,
    )
  // names are looked up as the system does: /etc/hosts counts for scanners of one's own
  return { name: text, connect: { host, port } }
}

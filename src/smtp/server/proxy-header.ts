import { isIPv4, isIPv6, type Socket } from 'node:net'

/** Who connects, as a trusted proxy says. */
export interface ProxiedFrom {
  /** Empty where the proxy does not know. */
  readonly remoteAddress: string
  readonly remotePort: number
}

const NOBODY: ProxiedFrom = { remoteAddress: '', remotePort: 0 }
/** The longest header of version 1, CRLF included. */
const LONGEST = 107
const LF = 10

/**
 * Reads the line that a proxy puts before a connection (HAProxy's PROXY protocol, version 1), and leaves what
 * comes behind it. Calls back once: with an error where there is no sound header, and the socket is then destroyed.
 */
export function readProxyHeader(socket: Socket, callback: (error: Error | null, from?: ProxiedFrom) => void): void {
  let line = Buffer.alloc(0)
  const finish = (error: Error | null, from?: ProxiedFrom) => {
    socket.off('readable', read).off('error', gone).off('close', gone).off('end', gone)
    if (error !== null) socket.on('error', () => {}).destroy()
    callback(error, from)
  }
  const gone = () => finish(new Error('no PROXY header came'))
  const read = () => {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) return
    const end = chunk.indexOf(LF) + 1
    line = Buffer.concat([line, end === 0 ? chunk : chunk.subarray(0, end)])
    if (line.length > LONGEST) return finish(new Error('a PROXY header that is too long'))
    if (end === 0) return read()
    if (end < chunk.length) socket.unshift(chunk.subarray(end))
    const from = parseProxyHeader(line.toString('latin1'))
    finish(from === null ? new Error('not a PROXY header') : null, from ?? NOBODY)
  }
  socket.on('readable', read).on('error', gone).on('close', gone).on('end', gone)
}

const PORT = /^(?:0|[1-9]\d{0,4})$/

/** A whole header, CRLF included; null if it is none. Behind UNKNOWN nothing counts, whatever stands there (section 2.1 of its specification). */
export function parseProxyHeader(line: string): ProxiedFrom | null {
  if (/^PROXY UNKNOWN(?: [^\r\n]*)?\r\n$/.test(line)) return NOBODY
  const [, protocol, remoteAddress = '', target = '', port = '', ourPort = ''] =
    /^PROXY (TCP4|TCP6) ([^ \r\n]+) ([^ \r\n]+) (\d+) (\d+)\r\n$/.exec(line) ?? []
  const isAddress = protocol === 'TCP6' ? isIPv6 : isIPv4
  const isPort = (text: string) => PORT.test(text) && Number(text) < 65_536
  if (protocol === undefined || !isAddress(remoteAddress) || !isAddress(target)) return null
  if (!isPort(port) || !isPort(ourPort) || remoteAddress.includes('%')) return null
  return { remoteAddress: remoteAddress.toLowerCase(), remotePort: Number(port) }
}

import { connect, isIPv4, isIPv6 } from 'node:net'
import { keptSeeds } from '../../../../test/support/seeds.ts'
import { startWire, type Wire } from '../../../../test/unit/smtp/server/support.ts'
import type { Proof, Prover } from '../part.ts'
import { randomOf } from '../random.ts'
import { altered } from './altered.ts'

const SEEDS: readonly string[] = [
  ...keptSeeds()
    .filter(({ parser }) => parser === 'proxy-header')
    .map(({ text }) => text),
  'PROXY TCP4 192.0.2.7 192.0.2.1 56324 25\r\n',
  'PROXY TCP6 2001:db8::7 2001:db8::1 56324 25\r\n',
  'PROXY UNKNOWN\r\n',
  'PROXY UNKNOWN 192.0.2.7 192.0.2.1 56324 25\r\n',
  'PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 56324 25\r\n',
  '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x01\xdc\x04\0\x19',
]
const UNSPECIFIED = '0.0.0.0'
const TOO_LONG_MS = 10_000

/** Headers of a load balancer (version 1 of HAProxy's PROXY protocol), altered: who connects is whom it names, or nobody in particular. */
export async function proveProxyHeader(prover: Prover): Promise<Proof> {
  const random = randomOf(prover.seed)
  const wire = await startWire(prover, { proxies: ['127.0.0.1'] })
  const amount = prover.amount('mutations')
  const wrong: string[] = []
  let [named, sent] = [0, 0]
  for (; sent < amount && !(named > 0 && prover.isOver()); sent++) {
    const seed = random.pick(SEEDS)
    const header = random.chance(0.9) ? altered(seed, random) : seed
    const address = await connectAs(wire, header)
    const allowed = namedIn(header)
    if (address !== null && allowed.has(address) && address !== UNSPECIFIED) named++
    if (address !== null && !allowed.has(address)) wrong.push(`${JSON.stringify(header)} is ${JSON.stringify(address)}`)
  }
  return {
    tables: [
      {
        title: "A load balancer's PROXY headers, altered",
        columns: ['headers', 'sessions', 'of those with an address', 'faults logged'],
        rows: [[sent, wire.sessions.length, named, wire.errors.length]],
      },
    ],
    promises: [
      {
        text: 'Nobody is taken for another address than the one that the PROXY header names, and no header keeps a connection or brings the listener down.',
        kept: wrong.length === 0 && wire.errors.length === 0 && named > 0,
        detail: wrong[0] ?? (wire.errors.length > 0 ? JSON.stringify(wire.errors[0]) : `${named} named`),
      },
    ],
  }
}

/** Whom the session is with; null if none came about. */
async function connectAs({ port, sessions }: Wire, header: string): Promise<string | null> {
  const before = sessions.length
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`still open: ${JSON.stringify(header)}`)), TOO_LONG_MS)
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve()
    })
    socket.resume()
    socket.end(Buffer.from(`${header}QUIT\r\n`, 'latin1'))
  })
  return sessions[before]?.remoteAddress ?? null
}

/** Whom a header names, by the protocol's own text: of an unknown protocol whatever is said counts for nothing. */
function namedIn(header: string): ReadonlySet<string> {
  const [line = ''] = header.split('\r\n')
  const [proxy, protocol, source = '', target = '', ...ports] = line.split(' ')
  if (proxy !== 'PROXY') return new Set()
  if (protocol === 'UNKNOWN') return new Set([UNSPECIFIED])
  const isAddress = protocol === 'TCP4' ? isIPv4 : protocol === 'TCP6' ? isIPv6 : () => false
  const isPort = (text: string) => /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) < 65_536
  const isSound = isAddress(source) && isAddress(target) && ports.length === 2 && ports.every(isPort)
  return new Set(isSound ? [source.toLowerCase().replace(/^::ffff:(?=[\d.]+$)/, '')] : [])
}

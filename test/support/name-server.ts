import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Scope } from './folder.ts'
import type { Zone, ZoneType } from './zone.ts'

/** What the server does with a question, `type name`: an RCODE, silence, or null for the zone's answer. */
export type NameServerFault = (question: string) => 'servfail' | 'refused' | 'silence' | null

export interface NameServer {
  /** `address:port`, as a resolver takes it. */
  readonly server: string
  /** Questions so far, `type name`. */
  readonly asked: string[]
}

type ServedType = Exclude<ZoneType, 'tlsa'>

const TYPES: Readonly<Record<number, ServedType>> = { 1: 'a', 12: 'ptr', 15: 'mx', 16: 'txt', 28: 'aaaa' }
const RCODES = { none: 0, servfail: 2, nxdomain: 3, refused: 5 } as const

/** A name server on 127.0.0.1 (UDP) that serves a zone; every record has the same TTL (seconds). */
export async function startNameServer(
  scope: Scope,
  zone: Zone,
  { ttl = 60, fault = () => null }: { ttl?: number; fault?: NameServerFault } = {},
): Promise<NameServer> {
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (packet, peer) => {
    const { name, type, end } = readQuestion(packet)
    const question = `${type} ${name}`
    asked.push(question)
    const wrong = fault(question)
    if (wrong === 'silence') return
    const entry = zone[name]
    const records = !wrong && entry && type ? (entry[type] ?? []).map((value) => recordData(type, value)) : []
    const rcode = RCODES[wrong ?? (entry ? 'none' : 'nxdomain')]
    socket.send(response(packet.subarray(0, end), rcode, ttl, records), peer.port, peer.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  scope.after(() => socket.close())
  return { server: `127.0.0.1:${socket.address().port}`, asked }
}

function readQuestion(packet: Buffer): { name: string; type: ServedType | undefined; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = packet.readUInt8(at); length > 0; length = packet.readUInt8(at)) {
    labels.push(packet.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), type: TYPES[packet.readUInt16BE(at + 1)], end: at + 5 }
}

function response(query: Buffer, rcode: number, ttl: number, records: readonly Buffer[]): Buffer {
  const head = Buffer.from(query)
  head.writeUInt16BE(0x8180 | rcode, 2)
  head.writeUInt16BE(records.length, 6)
  head.writeUInt16BE(0, 8)
  head.writeUInt16BE(0, 10)
  const type = query.subarray(query.length - 4, query.length - 2)
  const answers = records.map((data) => {
    const fixed = Buffer.alloc(12)
    fixed.writeUInt16BE(0xc00c, 0)
    type.copy(fixed, 2)
    fixed.writeUInt16BE(1, 4)
    fixed.writeUInt32BE(ttl, 6)
    fixed.writeUInt16BE(data.length, 10)
    return Buffer.concat([fixed, data])
  })
  return Buffer.concat([head, ...answers])
}

function recordData(type: ServedType, value: string | readonly [number, string]): Buffer {
  if (typeof value !== 'string')
    return Buffer.concat([Buffer.from([value[0] >> 8, value[0] & 255]), wireName(value[1])])
  if (type === 'a') return Buffer.from(value.split('.').map(Number))
  if (type === 'aaaa') return v6Bytes(value)
  return type === 'txt' ? wireTxt(value) : wireName(value)
}

const wireName = (name: string): Buffer =>
  Buffer.concat([...name.split('.').filter(Boolean).map(wireString), Buffer.from([0])])

const wireString = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')])

const wireTxt = (text: string): Buffer => Buffer.concat((text.match(/.{1,200}/g) ?? ['']).map(wireString))

/** Full form only, or with one `::`. */
function v6Bytes(address: string): Buffer {
  const [front = [], back = []] = address.split('::').map((part) => part.split(':').filter(Boolean))
  const groups = [...front, ...new Array<string>(8 - front.length - back.length).fill('0'), ...back]
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex')
}

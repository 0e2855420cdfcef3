import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { defer, type Scope } from './scope.ts'

/**
 * silence: no answer. late: after a while. garbage: bytes that are no answer. cut: the answer without its
 * end. foreign: under another id. servfail, refused: in place of the answer. truncated: it says that TCP
 * must be asked. twice: the same answer two times.
 */
export type DatagramFault =
  | 'silence'
  | 'late'
  | 'garbage'
  | 'cut'
  | 'foreign'
  | 'servfail'
  | 'refused'
  | 'truncated'
  | 'twice'

export const DATAGRAM_FAULTS: readonly DatagramFault[] = [
  'silence',
  'late',
  'garbage',
  'cut',
  'foreign',
  'servfail',
  'refused',
  'truncated',
  'twice',
]

export interface UdpFaultProxyOptions {
  /** Port of the name server on 127.0.0.1. */
  readonly to: number
  /** Of its own on 127.0.0.1; by default any. */
  readonly port?: number
  /** Asked once for each question; null lets it through. */
  readonly plan: (nth: number) => DatagramFault | null
  /** Milliseconds that a late answer takes. */
  readonly lateMs?: number
  readonly random?: () => number
}

/** Stands between a resolver and a name server, both on 127.0.0.1, and spoils answers. */
export class UdpFaultProxy {
  questions = 0
  readonly faults = new Map<DatagramFault, number>()
  readonly #options: UdpFaultProxyOptions
  readonly #front = createSocket('udp4')
  readonly #back = new Set<Socket>()

  constructor(options: UdpFaultProxyOptions) {
    this.#options = options
    this.#front.on('message', (question, asker) => this.#ask(question, asker.port))
  }

  get port(): number {
    return this.#front.address().port
  }

  async listen(): Promise<void> {
    this.#front.bind(this.#options.port ?? 0, '127.0.0.1')
    await once(this.#front, 'listening')
  }

  close(): void {
    this.#front.close()
    for (const socket of this.#back) socket.close()
    this.#back.clear()
  }

  #ask(question: Buffer, asker: number): void {
    const fault = this.#options.plan(this.questions++)
    if (fault !== null) this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1)
    if (fault === 'silence') return
    const socket = createSocket('udp4')
    this.#back.add(socket)
    const letGo = () => {
      if (this.#back.delete(socket)) socket.close()
    }
    const timer = setTimeout(letGo, ANSWER_MS)
    socket.on('error', () => {})
    socket.once('message', (answer) => {
      clearTimeout(timer)
      letGo()
      this.#answer(answer, asker, fault)
    })
    socket.send(question, this.#options.to, '127.0.0.1')
  }

  #answer(answer: Buffer, asker: number, fault: DatagramFault | null): void {
    const { random = Math.random, lateMs = 1000 } = this.#options
    const send = () => {
      // closed meanwhile, if it was late
      if (this.#isOpen())
        for (const packet of spoilt(answer, fault, random)) this.#front.send(packet, asker, '127.0.0.1')
    }
    if (fault === 'late') setTimeout(send, lateMs)
    else send()
  }

  #isOpen(): boolean {
    try {
      this.#front.address()
      return true
    } catch {
      return false
    }
  }
}

/** The server is on this machine. */
const ANSWER_MS = 2_000

// RFC 1035 section 4.1.1
const HEADER_BYTES = 12
const TRUNCATED_BIT = 0x02
const SERVFAIL = 2
const REFUSED = 5

function spoilt(answer: Buffer, fault: DatagramFault | null, random: () => number): readonly Buffer[] {
  const changed = Buffer.from(answer)
  if (fault === 'twice') return [answer, answer]
  if (fault === 'garbage')
    return [Buffer.from(Array.from({ length: 1 + Math.floor(random() * 600) }, () => Math.floor(random() * 256)))]
  if (fault === 'cut') return [answer.subarray(0, Math.floor(random() * (answer.length - 1)))]
  if (fault === 'foreign') changed.writeUInt16BE((answer.readUInt16BE(0) + 1) % 65_536, 0)
  if (fault === 'truncated') changed.writeUInt8((answer[2] ?? 0) | TRUNCATED_BIT, 2)
  if (fault === 'servfail' || fault === 'refused') return [failure(changed, fault === 'servfail' ? SERVFAIL : REFUSED)]
  return [changed]
}

/** The header and the question alone, with a response code. */
function failure(answer: Buffer, code: number): Buffer {
  const question = Buffer.from(answer.subarray(0, endOfQuestion(answer)))
  question.writeUInt8(((question[3] ?? 0) & 0xf0) | code, 3)
  for (const count of [6, 8, 10]) question.writeUInt16BE(0, count)
  return question
}

function endOfQuestion(answer: Buffer): number {
  let at = HEADER_BYTES
  for (let length = answer.readUInt8(at); length > 0; length = answer.readUInt8(at)) at += 1 + length
  return at + 5
}

/** A proxy that listens, and is closed when the scope ends. */
export async function startUdpFaultProxy(scope: Scope, options: UdpFaultProxyOptions): Promise<UdpFaultProxy> {
  const proxy = new UdpFaultProxy(options)
  await proxy.listen()
  defer(scope, () => proxy.close())
  return proxy
}

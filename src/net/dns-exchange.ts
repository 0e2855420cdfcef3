import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import type { Answer } from 'dns-packet'
import type { DnsAnswer, TimedAnswer } from './dns.ts'
import { encodeQuestion, type Question, type Response, readResponse } from './dns-wire.ts'

/** Where a name server listens. */
export interface NameServerAddress {
  readonly address: string
  readonly port: number
}

export interface ExchangeOptions {
  /** At least one, asked in turn. */
  readonly servers: readonly NameServerAddress[]
  /** Milliseconds for one try of one server. */
  readonly timeoutMs: number
  /** Tries of each server. */
  readonly tries: number
  /** Milliseconds for one question, all together. */
  readonly deadlineMs: number
  /** Questions under way at once; more wait, and their deadline runs. */
  readonly maxUnderWay: number
}

const TIMED_OUT = 'no answer from the name server in time'

/** Puts questions to name servers over UDP, and over TCP where an answer is too long for that. */
export class Exchange {
  readonly #options: ExchangeOptions
  readonly #waiting: (() => void)[] = []
  #underWay = 0

  constructor(options: ExchangeOptions) {
    this.#options = options
  }

  /** Never rejects. */
  async ask(name: string, type: Question['type']): Promise<TimedAnswer<Answer>> {
    // The system's time: it guards real sockets
    const until = performance.now() + this.#options.deadlineMs
    await this.#enter()
    try {
      return await this.#tryAll(name, type, until)
    } finally {
      this.#underWay--
      this.#waiting.shift()?.()
    }
  }

  async #enter(): Promise<void> {
    if (this.#underWay >= this.#options.maxUnderWay) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#underWay++
  }

  async #tryAll(name: string, type: Question['type'], until: number): Promise<TimedAnswer<Answer>> {
    const { servers, tries, timeoutMs } = this.#options
    let cause = TIMED_OUT
    for (let round = 0; round < tries; round++) {
      for (const server of servers) {
        const left = until - performance.now()
        if (left <= 0) return failed('no answer from any name server in time')
        const response = await askOne(server, { id: randomInt(65_536), name, type }, Math.min(timeoutMs, left))
        if (response.is === 'answer') return response.timed
        if (response.is === 'failed') cause = response.cause
      }
    }
    return failed(cause)
  }
}

const failed = (cause: string): { answer: DnsAnswer<Answer>; ttl: number } => ({
  answer: { is: 'failed', cause },
  ttl: 0,
})

async function askOne(server: NameServerAddress, question: Question, ms: number): Promise<Response> {
  const started = performance.now()
  const response = await overUdp(server, question, ms)
  if (response.is !== 'truncated') return response
  return overTcp(server, question, Math.max(1, ms - (performance.now() - started)))
}

/**
 * One question from a port of its own, which the system chooses at random (RFC 5452 section 9.2), over
 * a connected socket: the kernel drops what comes from elsewhere.
 */
function overUdp({ address, port }: NameServerAddress, question: Question, ms: number): Promise<Response> {
  const { promise, resolve } = Promise.withResolvers<Response>()
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  const timer = setTimeout(() => resolve({ is: 'failed', cause: TIMED_OUT }), ms)
  socket.on('error', (error) => resolve({ is: 'failed', cause: causeOf(error) }))
  socket.on('message', (packet) => {
    const response = readResponse(packet, question)
    if (response.is !== 'foreign') resolve(response)
  })
  socket.connect(port, address, (error?: Error) => {
    if (error) resolve({ is: 'failed', cause: causeOf(error) })
    else socket.send(encodeQuestion(question))
  })
  return promise.finally(() => {
    clearTimeout(timer)
    socket.close()
  })
}

/** RFC 7766: each message has its length, two octets, before it. */
function overTcp({ address, port }: NameServerAddress, question: Question, ms: number): Promise<Response> {
  const { promise, resolve } = Promise.withResolvers<Response>()
  const socket = connect({ host: address, port })
  const timer = setTimeout(() => resolve({ is: 'failed', cause: TIMED_OUT }), ms)
  let received: Buffer = Buffer.alloc(0)
  socket.on('error', (error) => resolve({ is: 'failed', cause: causeOf(error) }))
  socket.on('close', () => resolve({ is: 'failed', cause: 'the name server hung up' }))
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    const length = received.length < 2 ? Number.POSITIVE_INFINITY : received.readUInt16BE(0)
    if (received.length < length + 2) return
    const response = readResponse(received.subarray(2, length + 2), question)
    resolve(
      response.is === 'answer'
        ? response
        : { is: 'failed', cause: 'the name server gave another answer than was asked for' },
    )
  })
  const packet = encodeQuestion(question)
  socket.write(Buffer.concat([Buffer.from([packet.length >> 8, packet.length & 255]), packet]))
  return promise.finally(() => {
    clearTimeout(timer)
    socket.destroy()
  })
}

function causeOf(error: Error): string {
  const code = 'code' in error ? String(error.code) : error.message
  return code === 'ECONNREFUSED' ? 'cannot reach the name server' : `cannot reach the name server (${code})`
}

import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'

/** What a sink took. */
export interface Received {
  readonly helo: string
  readonly tls: boolean
  /** Without angle brackets; empty for the null reverse-path. */
  readonly mailFrom: string
  /** What follows the path in MAIL, as it came. */
  readonly mailParameters: string
  readonly rcptTo: readonly { readonly address: string; readonly parameters: string }[]
  /** Header and body, unstuffed, CRLF line ends. */
  readonly content: Buffer
  /** Milliseconds since 1970. */
  readonly at: number
}

/** The moments at which RFC 5321 lets a server fail. `end` is after the final dot. */
export type SinkPhase = 'greeting' | 'ehlo' | 'mail' | 'rcpt' | 'data' | 'end'

/** A reply instead of the usual one (`451 4.7.1 later`), or silence, or a reset of the connection. */
export type SinkFault = { readonly reply: string } | 'hang' | 'reset'

export interface SinkCall {
  readonly phase: SinkPhase
  /** The command line; empty for `greeting` and `end`. */
  readonly line: string
  /** How often this phase came before, over all sessions. */
  readonly before: number
}

/** What a session asks of the server that it belongs to. */
export interface SinkHost {
  readonly options: { readonly extensions?: readonly string[]; readonly taken?: (message: Received) => string }
  readonly context: SecureContext | null
  readonly delayMs: number
  ask(phase: SinkPhase, line: string): SinkFault | null
  keep(message: Received): void
}

const EXTENSIONS: readonly string[] = [
  'PIPELINING',
  '8BITMIME',
  'SMTPUTF8',
  'DSN',
  'ENHANCEDSTATUSCODES',
  'SIZE 104857600',
]

const END = Buffer.from('\r\n.\r\n')
const CRLF = Buffer.from('\r\n')
const PATH = /^(?:MAIL FROM|RCPT TO):\s*<([^>]*)>\s*(.*)$/i

/** One connection to a sink: reads lines, then content, and answers. */
export class SinkSession {
  readonly #sink: SinkHost
  #socket: Socket
  #tls = false
  #silent = false
  #busy = false
  #buffer: Buffer = Buffer.alloc(0)
  /** Content that has come without its end mark so far. */
  #parts: Buffer[] = []
  #inData = false
  #helo = ''
  #mail: Pick<Received, 'mailFrom' | 'mailParameters'> | null = null
  #rcptTo: { address: string; parameters: string }[] = []

  constructor(sink: SinkHost, socket: Socket) {
    this.#sink = sink
    this.#socket = socket
  }

  open(): void {
    this.#listen()
    this.#answer('greeting', '', '220 sink.test ESMTP')
  }

  #listen(): void {
    this.#socket.on('error', () => {})
    this.#socket.on('data', (chunk: Buffer) => {
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
      this.#read()
    })
  }

  #read(): void {
    while (!this.#silent && !this.#busy && (this.#inData ? this.#readContent() : this.#readLine()));
  }

  #readLine(): boolean {
    const at = this.#buffer.indexOf(CRLF)
    if (at < 0) return false
    const line = this.#buffer.subarray(0, at).toString()
    this.#buffer = this.#buffer.subarray(at + 2)
    this.#command(line)
    return true
  }

  /** Only the last few bytes are looked at twice, so that large content costs no more than it must. */
  #readContent(): boolean {
    const at = this.#buffer.indexOf(END)
    if (at < 0) {
      const keep = Math.min(END.length - 1, this.#buffer.length)
      this.#parts.push(this.#buffer.subarray(0, this.#buffer.length - keep))
      this.#buffer = this.#buffer.subarray(this.#buffer.length - keep)
      return false
    }
    // Without the CRLF that `#data` put in front
    const content = Buffer.concat([...this.#parts, this.#buffer.subarray(0, at + 2)]).subarray(2)
    this.#parts = []
    this.#buffer = this.#buffer.subarray(at + END.length)
    this.#inData = false
    this.#end(unstuffed(content))
    return true
  }

  #command(line: string): void {
    const verb = line.slice(0, 4).toUpperCase()
    if (verb === 'EHLO' || verb === 'HELO' || verb === 'LHLO') this.#hello(line)
    else if (verb === 'MAIL') this.#mailFrom(line)
    else if (verb === 'RCPT') this.#rcpt(line)
    else if (verb === 'DATA') this.#data(line)
    else if (verb === 'STAR') this.#startTls()
    else if (verb === 'QUIT') this.#socket.end('221 2.0.0 bye\r\n')
    else if (verb === 'RSET') this.#reset('250 2.0.0 reset')
    else this.#say(verb === 'NOOP' ? '250 2.0.0 ok' : '502 5.5.1 not known here')
  }

  #hello(line: string): void {
    this.#helo = line.slice(5)
    const offered = [...(this.#sink.options.extensions ?? EXTENSIONS)]
    if (this.#sink.context && !this.#tls) offered.push('STARTTLS')
    const lines = ['sink.test', ...offered]
    this.#answer('ehlo', line, lines.map((text, i) => `250${i < lines.length - 1 ? '-' : ' '}${text}`).join('\r\n'))
  }

  #mailFrom(line: string): void {
    const [, mailFrom = '', mailParameters = ''] = PATH.exec(line) ?? []
    this.#rcptTo = []
    this.#mail = this.#answer('mail', line, '250 2.1.0 ok') ? { mailFrom, mailParameters } : null
  }

  #rcpt(line: string): void {
    const [, address = '', parameters = ''] = PATH.exec(line) ?? []
    if (this.#mail === null) this.#say('503 5.5.1 no sender')
    else if (this.#answer('rcpt', line, '250 2.1.5 ok')) this.#rcptTo.push({ address, parameters })
  }

  #data(line: string): void {
    if (this.#rcptTo.length === 0) this.#say('554 5.5.1 no valid recipients')
    else if (this.#answer('data', line, '354 go on')) {
      this.#inData = true
      // The CRLF that ends the DATA line counts for the end mark (RFC 5321 section 4.1.1.4)
      this.#buffer = Buffer.concat([CRLF, this.#buffer])
    }
  }

  #startTls(): void {
    const secureContext = this.#sink.context
    if (!secureContext || this.#tls) {
      this.#say('502 5.5.1 no')
      return
    }
    this.#say('220 2.0.0 ready')
    this.#socket.removeAllListeners('data')
    this.#socket = new TLSSocket(this.#socket, { isServer: true, secureContext })
    this.#tls = true
    this.#buffer = Buffer.alloc(0)
    this.#listen()
  }

  #end(content: Buffer): void {
    const { delayMs } = this.#sink
    if (delayMs === 0) this.#finish(content)
    else this.#finishLater(content, delayMs)
  }

  #finishLater(content: Buffer, delayMs: number): void {
    this.#busy = true
    setTimeout(() => {
      this.#busy = false
      this.#finish(content)
      this.#read()
    }, delayMs)
  }

  #finish(content: Buffer): void {
    const mail = this.#mail ?? { mailFrom: '', mailParameters: '' }
    const message = { ...mail, helo: this.#helo, tls: this.#tls, rcptTo: this.#rcptTo, content, at: Date.now() }
    const fault = this.#sink.ask('end', '')
    if (fault === null && !this.#socket.destroyed) this.#sink.keep(message)
    this.#carryOut(fault, this.#sink.options.taken?.(message) ?? '250 2.0.0 taken')
    this.#mail = null
    this.#rcptTo = []
  }

  #reset(text: string): void {
    this.#mail = null
    this.#rcptTo = []
    this.#say(text)
  }

  /** Says `usual` unless a fault is due. True if it did. */
  #answer(phase: SinkPhase, line: string, usual: string): boolean {
    return this.#carryOut(this.#sink.ask(phase, line), usual)
  }

  #carryOut(fault: SinkFault | null, usual: string): boolean {
    if (fault === 'reset') this.#socket.resetAndDestroy()
    if (fault === 'hang') this.#silent = true
    if (typeof fault === 'string') return false
    this.#say(fault?.reply ?? usual)
    return fault === null
  }

  #say(text: string): void {
    if (this.#socket.writable) this.#socket.write(`${text}\r\n`)
  }
}

/** RFC 5321 section 4.5.2. */
function unstuffed(content: Buffer): Buffer {
  if (content[0] !== 0x2e && content.indexOf('\r\n.') < 0) return Buffer.from(content)
  const text = content.toString('latin1')
  return Buffer.from(text.replace(/(^|\r\n)\./g, '$1'), 'latin1')
}

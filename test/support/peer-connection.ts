import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Act, Peer } from './peer.ts'

/** Where in the dialogue something is to be said. `challenge` is each line of the client within AUTH. */
export type PeerPoint =
  | 'greeting'
  | 'ehlo'
  | 'helo'
  | 'starttls'
  | 'auth'
  | 'challenge'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'end'
  | 'rset'
  | 'quit'
  | 'other'

export interface PeerCall {
  readonly point: PeerPoint
  /** The command; for `end` the RCPT command (LMTP) or nothing. */
  readonly line: string
  /** How often this point was reached before, in all connections. */
  readonly nth: number
  readonly connection: PeerConnection
}

/** A message as it came. */
export interface PeerMessage {
  readonly mail: string
  /** The RCPT commands that were taken. */
  readonly rcpts: readonly string[]
  /** The bytes on the wire, dots doubled, without the end mark. */
  readonly wire: Buffer
  /** The same, dots undone. */
  readonly content: Buffer
  readonly secure: boolean
}

const END = Buffer.from('\r\n.\r\n')
const LONE = Buffer.from('.\r\n')

const VERBS: readonly (readonly [RegExp, PeerPoint])[] = [
  [/^(?:EHLO|LHLO) /i, 'ehlo'],
  [/^HELO /i, 'helo'],
  [/^STARTTLS$/i, 'starttls'],
  [/^AUTH /i, 'auth'],
  [/^MAIL FROM:/i, 'mail'],
  [/^RCPT TO:/i, 'rcpt'],
  [/^DATA$/i, 'data'],
  [/^RSET$/i, 'rset'],
  [/^QUIT$/i, 'quit'],
]

/** One connection of a `Peer`. */
export class PeerConnection {
  /** Every command line, without its CRLF, in order. */
  readonly commands: string[] = []
  readonly messages: PeerMessage[] = []
  /** How many pieces came in from the network. */
  chunks = 0
  secure = false
  gone = false
  socket: Socket
  readonly #peer: Peer
  #buffer: Buffer = Buffer.alloc(0)
  #state: 'command' | 'data' | 'auth' | 'stalled' = 'command'
  #mail = ''
  #rcpts: string[] = []

  constructor(peer: Peer, socket: Socket) {
    this.#peer = peer
    this.socket = socket
  }

  /** What has come of a message whose end mark has not. */
  get unfinished(): Buffer {
    return this.#state === 'data' ? this.#buffer : Buffer.alloc(0)
  }

  start(): void {
    if (this.#peer.script.implicitTls) this.startTls()
    else this.#attach()
    this.#say('greeting', '', '220 peer.test ESMTP')
  }

  write(bytes: string | Buffer): void {
    if (!this.gone) this.socket.write(bytes)
  }

  /** From now on whatever comes is read and left unanswered. */
  stall(): void {
    this.#state = 'stalled'
  }

  reset(): void {
    this.stall()
    this.socket.resetAndDestroy()
  }

  close(): void {
    this.stall()
    this.socket.destroy()
  }

  /** Begins TLS as the server. */
  startTls(): void {
    if (this.#peer.context === null) throw new Error('the peer has no certificate')
    this.socket.removeAllListeners('data')
    this.socket.on('error', () => {})
    this.socket = new TLSSocket(this.socket, { isServer: true, secureContext: this.#peer.context })
    this.secure = true
    this.#buffer = Buffer.alloc(0)
    this.#state = 'command'
    this.#attach()
  }

  #attach(): void {
    this.socket.on('data', (chunk: Buffer) => this.#take(chunk))
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.gone = true
    })
  }

  #take(chunk: Buffer): void {
    this.chunks++
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
    while (this.#state !== 'stalled' && this.#buffer.length > 0 && this.#step());
  }

  /** Takes one command or message from the buffer; false if more has to come. */
  #step(): boolean {
    if (this.#state === 'data') return this.#takeContent()
    const end = this.#buffer.indexOf('\r\n')
    if (end < 0) return false
    const line = this.#buffer.toString('utf8', 0, end)
    this.#buffer = this.#buffer.subarray(end + 2)
    this.commands.push(line)
    if (this.#state === 'auth') this.#answerAuth('challenge', line)
    else this.#command(line)
    return true
  }

  #command(line: string): void {
    const [, point = 'other'] = VERBS.find(([verb]) => verb.test(line)) ?? []
    if (point === 'mail') this.#answerMail(line)
    else if (point === 'rcpt') this.#answerRcpt(line)
    else if (point === 'data') this.#answerData(line)
    else if (point === 'auth') this.#answerAuth(point, line)
    else if (point === 'starttls') this.#answerStartTls(line)
    else if (point === 'quit') this.#answerQuit(line)
    else if (point === 'rset') this.#answerRset(line)
    else if (point === 'ehlo') this.#say('ehlo', line, this.#hello())
    else this.#say(point, line, point === 'helo' ? '250 peer.test' : '500 5.5.1 What?')
  }

  #hello(): string {
    const { extensions = [], secureExtensions = extensions } = this.#peer.script
    const lines = ['peer.test', ...(this.secure ? secureExtensions : extensions)]
    return lines.map((line, i) => `250${i < lines.length - 1 ? '-' : ' '}${line}`).join('\r\n')
  }

  #answerMail(line: string): void {
    this.#rcpts = []
    this.#mail = this.#say('mail', line, '250 2.1.0 Sender fine') ? line : ''
  }

  #answerRcpt(line: string): void {
    if (this.#mail === '') this.#say('other', line, '503 5.5.1 No MAIL')
    else if (this.#say('rcpt', line, '250 2.1.5 Recipient fine')) this.#rcpts.push(line)
  }

  #answerData(line: string): void {
    const fallback = this.#rcpts.length > 0 ? '354 Go ahead' : '554 5.5.1 No recipients'
    if (this.#say('data', line, fallback) && this.#state === 'command') this.#state = 'data'
  }

  #answerAuth(point: 'auth' | 'challenge', line: string): void {
    this.#state = 'command'
    const said = this.#say(point, line, '235 2.7.0 Welcome')
    if (said?.startsWith('334') && this.#state === 'command') this.#state = 'auth'
  }

  #answerStartTls(line: string): void {
    if (this.#say('starttls', line, '220 2.0.0 Go')?.startsWith('220') && this.#state === 'command') this.startTls()
  }

  #answerQuit(line: string): void {
    this.#say('quit', line, '221 2.0.0 Bye')
    if (this.#state === 'command') this.socket.end()
  }

  #answerRset(line: string): void {
    this.#mail = ''
    this.#rcpts = []
    this.#say('rset', line, '250 2.0.0 Forgotten')
  }

  #takeContent(): boolean {
    const lone = this.#buffer.subarray(0, LONE.length).equals(LONE)
    const at = lone ? 0 : this.#buffer.indexOf(END)
    if (at < 0) return false
    const wire = lone ? Buffer.alloc(0) : Buffer.from(this.#buffer.subarray(0, at + 2))
    this.#buffer = this.#buffer.subarray(lone ? LONE.length : at + END.length)
    this.#state = 'command'
    this.#answerEnd(wire)
    return true
  }

  #answerEnd(wire: Buffer): void {
    const content = Buffer.from(wire.toString('latin1').replace(/(^|\r\n)\./g, '$1'), 'latin1')
    this.messages.push({ mail: this.#mail, rcpts: this.#rcpts, wire, content, secure: this.secure })
    const rcpts = this.#peer.script.lmtp ? this.#rcpts : ['']
    this.#mail = ''
    this.#rcpts = []
    for (const rcpt of rcpts) if (this.#state === 'command') this.#say('end', rcpt, '250 2.0.0 Taken')
  }

  /** Does what the script has, or else says the fallback. Gives the reply if it was a positive one. */
  #say(point: PeerPoint, line: string, fallback: string): string | null {
    const act: Act = this.#peer.act({ point, line, connection: this }) ?? fallback
    if (typeof act !== 'string') {
      act.do(this)
      return fallback
    }
    this.write(`${act}\r\n`)
    return /^[23]/.test(act) ? act : null
  }
}

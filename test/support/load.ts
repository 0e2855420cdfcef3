import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface LoadOptions {
  readonly port: number
  readonly sessions: number
  /** Content bytes, about. */
  readonly bytes?: number
  readonly from?: string
  /** Recipients of the message with this id. */
  readonly to?: (id: string) => readonly string[]
  /** Ends after so many acknowledgements. */
  readonly messages?: number
}

/** A running load: many sessions that send one message after the other, each under an id of its own. */
export interface Load {
  /** Ids that were answered 250 after the final dot. Nothing else counts as acknowledged. */
  readonly acknowledged: Set<string>
  /** Replies other than the expected ones, and broken connections, by text. */
  readonly troubles: Map<string, number>
  /** Stops sending; resolves when every session has ended. */
  stop(): Promise<void>
  readonly done: Promise<void>
}

/** The field in which a message of the load carries its id. */
export const ID_FIELD = 'X-Load-Id'
const ID = new RegExp(`^${ID_FIELD}: (\\S+)`, 'm')

/** The id in a received message's header, or null. */
export const loadId = (content: Buffer): string | null =>
  ID.exec(content.subarray(0, 4096).toString('latin1'))?.[1] ?? null

let runs = 0

/** Starts a load. Sessions whose connection breaks connect again, until stopped. */
export function startLoad(options: LoadOptions): Load {
  const run = new Run(options, `${process.pid}-${++runs}`)
  const sessions = Array.from({ length: options.sessions }, () => run.session())
  const done = Promise.all(sessions).then(() => {})
  return { acknowledged: run.acknowledged, troubles: run.troubles, done, stop: () => run.stop(done) }
}

const RECONNECT_MS = 20

class Run {
  readonly acknowledged = new Set<string>()
  readonly troubles = new Map<string, number>()
  readonly #options: LoadOptions
  readonly #name: string
  #started = 0
  #stopped = false

  constructor(options: LoadOptions, name: string) {
    this.#options = options
    this.#name = name
  }

  async session(): Promise<void> {
    while (!this.#finished()) {
      await this.#connection().catch((error: unknown) => this.#note(String(error)))
      if (!this.#finished()) await sleep(RECONNECT_MS)
    }
  }

  stop(done: Promise<void>): Promise<void> {
    this.#stopped = true
    return done
  }

  #finished(): boolean {
    const { messages = Number.POSITIVE_INFINITY } = this.#options
    return this.#stopped || this.acknowledged.size >= messages
  }

  async #connection(): Promise<void> {
    const line = new Dialogue(connect({ host: '127.0.0.1', port: this.#options.port, noDelay: true }))
    try {
      await line.expect('220')
      await line.say('EHLO load.test\r\n', '250')
      while (!this.#finished()) await this.#message(line, `${this.#name}-${++this.#started}`)
      await line.say('QUIT\r\n', '221')
    } finally {
      line.close()
    }
  }

  async #message(line: Dialogue, id: string): Promise<void> {
    const { from = 'load@client.test', to = () => ['sink@next.test'], bytes = 2048 } = this.#options
    await line.say(`MAIL FROM:<${from}>\r\n`, '250')
    for (const address of to(id)) await line.say(`RCPT TO:<${address}>\r\n`, '250')
    await line.say('DATA\r\n', '354')
    await line.say(`${content(id, bytes)}.\r\n`, '250')
    this.acknowledged.add(id)
  }

  #note(text: string): void {
    this.troubles.set(text, (this.troubles.get(text) ?? 0) + 1)
  }
}

function content(id: string, bytes: number): string {
  const head = `${ID_FIELD}: ${id}\r\nFrom: load@client.test\r\nMessage-ID: <${id}@client.test>\r\nSubject: load\r\n\r\n`
  const line = `${'patient '.repeat(9).trim()}\r\n`
  return head + line.repeat(Math.max(1, Math.ceil((bytes - head.length) / line.length)))
}

/** One SMTP dialogue in lock step: a command, its reply, the next. */
export class Dialogue {
  readonly #socket: Socket
  #text = ''
  #error: Error | null = null
  #wake: (() => void) | null = null

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#change(() => (this.#text += chunk.toString())))
    socket.on('error', (error) => this.#change(() => (this.#error = error)))
    socket.on('close', () => this.#change(() => (this.#error ??= new Error('connection closed'))))
  }

  /** Writes, then waits for a reply with this code. */
  async say(text: string, code: string): Promise<string> {
    this.#socket.write(text)
    return this.expect(code)
  }

  /** The next reply, all of its lines. Rejects if its code is another one, or the connection breaks. */
  async expect(code: string): Promise<string> {
    const reply = await this.reply()
    if (!reply.startsWith(code)) throw new Error(`expected ${code}, got ${reply.trim()}`)
    return reply
  }

  async reply(): Promise<string> {
    for (;;) {
      const [whole] = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(this.#text) ?? []
      if (whole !== undefined) {
        this.#text = this.#text.slice(whole.length)
        return whole
      }
      if (this.#error !== null) throw this.#error
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  #change(change: () => void): void {
    change()
    this.#wake?.()
    this.#wake = null
  }
}

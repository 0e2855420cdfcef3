import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Dialogue } from '../../../../test/support/load.ts'
import { contentOf, type Kind, messageId, recipientOf, SENDER, usualKind } from './mail.ts'

export interface SendersOptions {
  readonly port: number
  /** Part of each id. */
  readonly run: string
  readonly sessions: number
  readonly kind?: (n: number) => Kind
  /** Waits so long after each message, milliseconds. */
  readonly pauseMs?: number
}

const RECONNECT_MS = 30

/** Clients that send one message after the other, over and over, whatever becomes of the daemon. */
export class Senders {
  /** Message by queue id: all that were answered 250 after the final dot. */
  readonly acknowledged = new Map<string, string>()
  readonly #options: SendersOptions
  readonly #sessions: Promise<unknown>
  #count = 0
  #stopped = false

  constructor(options: SendersOptions) {
    this.#options = options
    this.#sessions = Promise.all(Array.from({ length: options.sessions }, () => this.#session()))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#sessions
  }

  async #session(): Promise<void> {
    while (!this.#stopped) {
      await this.#connection().catch(() => {})
      await sleep(RECONNECT_MS)
    }
  }

  async #connection(): Promise<void> {
    const line = new Dialogue(connect({ host: '127.0.0.1', port: this.#options.port, noDelay: true }))
    try {
      await line.expect('220')
      await line.say('EHLO proof.test\r\n', '250')
      while (!this.#stopped) {
        await this.#message(line)
        if (this.#options.pauseMs) await sleep(this.#options.pauseMs)
      }
    } finally {
      line.close()
    }
  }

  async #message(line: Dialogue): Promise<void> {
    const n = ++this.#count
    const id = messageId(this.#options.run, n, (this.#options.kind ?? usualKind)(n))
    this.acknowledged.set(await send(line, id), id)
  }
}

/** One message in a session of its own. Rejects unless it was acknowledged. */
export async function submit(port: number, id: string): Promise<void> {
  const line = new Dialogue(connect({ host: '127.0.0.1', port, noDelay: true }))
  try {
    await line.expect('220')
    await line.say('EHLO proof.test\r\n', '250')
    await send(line, id)
  } finally {
    line.close()
  }
}

/** The queue id under which it was acknowledged. */
async function send(line: Dialogue, id: string): Promise<string> {
  await line.say(`MAIL FROM:<${SENDER}>\r\n`, '250')
  await line.say(`RCPT TO:<${recipientOf(id)}>\r\n`, '250')
  await line.say('DATA\r\n', '354')
  const reply = await line.say(`${contentOf(id)}.\r\n`, '250')
  const [, queueId] = /queued as ([0-9A-Z]{11})/.exec(reply) ?? []
  if (queueId === undefined) throw new Error(`no queue id in: ${reply}`)
  return queueId
}

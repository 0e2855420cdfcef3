import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { Dialogue } from '../../../../test/support/load.ts'
import type { Random } from '../random.ts'
import type { Account } from './account.ts'
import { makeMail, type ProofMail } from './mail.ts'

export interface ClientOptions {
  readonly name: string
  readonly random: Random
  readonly account: Account
  /** Ports on 127.0.0.1: as a registered client, and as a stranger. */
  readonly registered: number
  readonly stranger: number
  /** As a registered client where TLS begins at once, and where a PROXY header does. */
  readonly implicit: number
  readonly proxied: number
  readonly recipients: readonly string[]
  /** Of those, such as a stranger may write to. */
  readonly own: readonly string[]
}

/** A client that is left without an answer gives up after this. */
const PATIENCE_MS = 4_000
const PAUSE_MS = 10
const MOST_MESSAGES = 4

const WAYS = ['registered', 'registered', 'stranger', 'stranger', 'implicit', 'proxied'] as const

/** Whether certificates hold is not what is proven here. */
function overTls(plain: Socket): Dialogue {
  const socket = connectTls({ socket: plain, rejectUnauthorized: false, servername: 'postern.test' })
  plain.once('close', () => socket.destroy())
  return new Dialogue(socket)
}

/** One client that connects, sends some messages, leaves, and begins anew, until it is stopped. */
export class ProofClient {
  readonly #options: ClientOptions
  #stopped = false
  #messages = 0

  constructor(options: ClientOptions) {
    this.#options = options
  }

  stop(): void {
    this.#stopped = true
  }

  async run(): Promise<void> {
    const { account } = this.#options
    while (!this.#stopped) {
      await this.#connection().catch((error: Error) => account.refuse(error.message.replace(/^expected \d+, got /, '')))
      if (!this.#stopped) await sleep(PAUSE_MS)
    }
  }

  async #connection(): Promise<void> {
    const { random } = this.#options
    const way = random.pick(WAYS)
    const isStranger = way === 'stranger'
    const socket = connect({ host: '127.0.0.1', port: this.#options[way], noDelay: true })
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('the client had no more patience')))
    if (way === 'proxied') socket.write('PROXY TCP4 127.0.0.1 127.0.0.1 40000 25\r\n')
    let line = way === 'implicit' ? overTls(socket) : new Dialogue(socket)
    try {
      await line.expect('220')
      await line.say('EHLO client.test\r\n', '250')
      if (way !== 'implicit' && random.chance(0.4)) line = await this.#secure(socket, line)
      for (let left = 1 + random.below(MOST_MESSAGES); left > 0 && !this.#stopped; left--)
        await this.#message(line, isStranger)
      await line.say('QUIT\r\n', '221')
    } finally {
      line.close()
      socket.destroy()
    }
  }

  async #secure(plain: Socket, line: Dialogue): Promise<Dialogue> {
    await line.say('STARTTLS\r\n', '220')
    plain.removeAllListeners('data')
    const secured = overTls(plain)
    await secured.say('EHLO client.test\r\n', '250')
    return secured
  }

  async #message(line: Dialogue, isStranger: boolean): Promise<void> {
    const { random, account, name, recipients, own } = this.#options
    const mail: ProofMail = makeMail(`${name}-${++this.#messages}`, random)
    account.begun.add(mail.id)
    await line.say(`MAIL FROM:<proof@${isStranger ? 'elsewhere' : 'client'}.test>\r\n`, '250')
    await line.say(`RCPT TO:<${random.pick(isStranger ? own : recipients)}>\r\n`, '250')
    await line.say('DATA\r\n', '354')
    await line.say(`${mail.text}.\r\n`, '250')
    account.acknowledge(mail)
  }
}

import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { makeCertificate } from '../../../../test/support/certs.ts'
import { type Daemon, startDaemon } from '../../../../test/support/daemon.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { type Received, type Sink, startSink } from '../../../../test/support/sink.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import type { Promised, Proof, Prover } from '../part.ts'
import { type Accepted, readSession } from './model.ts'
import { type Move, session } from './moves.ts'
import { converse } from './wire.ts'

const CLIENT = '127.0.0.9'
const STRANGER = '127.0.0.1'
const BATCH = 25

interface Tally {
  sessions: number
  bytes: number
  accepted: number
  unfinished: number
}

/** Whole sessions of random moves against the real daemon, held against an independent reading of the protocol. */
export async function proveSessions(prover: Prover): Promise<Proof> {
  const arena = await Arena.open(prover)
  const wanted = prover.amount('sessions')
  const broken = await attempt(async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(session(), { minLength: BATCH, maxLength: BATCH }), fc.boolean(), (batch, client) =>
        // What is left is passed by
        arena.tally.accepted > 0 && prover.isOver() ? Promise.resolve() : arena.play(batch, client ? CLIENT : STRANGER),
      ),
      { numRuns: Math.ceil(wanted / BATCH), seed: prover.seed, endOnFailure: prover.short },
    )
  })
  const { tally } = arena
  prover.say(`${tally.sessions} sessions, ${tally.accepted} messages accepted`)
  return {
    tables: [
      {
        title: 'Whole SMTP sessions of random moves',
        columns: ['sessions', 'bytes', 'messages accepted', 'cut off in their content'],
        rows: [[tally.sessions, tally.bytes, tally.accepted, tally.unfinished]],
      },
    ],
    promises: [
      {
        text: 'Every answer belongs to a command; what was accepted had been sent whole, and arrives as it was sent, once, where it may go.',
        kept: broken === null && tally.accepted > 0,
        detail: broken ?? `${tally.accepted} compared`,
      },
      arena.alive(),
    ],
  }
}

async function attempt(run: () => Promise<void>): Promise<string | null> {
  try {
    await run()
    return null
  } catch (error) {
    const { message, cause } = error instanceof Error ? error : new Error(String(error))
    return `${cause instanceof Error ? cause.message.slice(0, 3000) : ''} ${message.slice(0, 200)}`
  }
}

class Arena {
  readonly tally: Tally = { sessions: 0, bytes: 0, accepted: 0, unfinished: 0 }
  readonly #daemon: Daemon
  readonly #port: number
  readonly #ours: Sink
  readonly #elsewhere: Sink
  readonly #pid: number

  private constructor(daemon: Daemon, port: number, ours: Sink, elsewhere: Sink) {
    this.#daemon = daemon
    this.#port = port
    this.#ours = ours
    this.#elsewhere = elsewhere
    this.#pid = daemon.pid
  }

  static async open(prover: Prover): Promise<Arena> {
    const [ours, elsewhere] = [await startSink(prover), await startSink(prover)]
    const port = await freePort()
    const { certFile, keyFile } = makeCertificate(temporaryFolder(prover), 'relay', ['relay.test'])
    const daemon = await startDaemon(prover, {
      hostname: 'relay.test',
      listeners: [{ address: '127.0.0.1', port, tls: 'starttls' }],
      tls: { certificate: certFile, key: keyFile },
      clients: [{ name: 'ward', networks: [CLIENT], tls: 'optional', senders: ['*'] }],
      domains: { 'ours.test': { relayTo: [`127.0.0.1:${ours.port}`], recipients: 'any' } },
      routes: { default: { hosts: [`127.0.0.1:${elsewhere.port}`] } },
      limits: {
        errors: 100,
        commandsWithoutTransaction: 100,
        size: '64KiB',
        outside: { rate: 'off', recipientRate: 'off', unknownRecipients: 1000, reverseDns: 'off' },
      },
      log: { level: 'warn' },
      metrics: { listen: 'off' },
    })
    return new Arena(daemon, port, ours, elsewhere)
  }

  /** Throws with what went wrong. */
  async play(batch: readonly { moves: readonly Move[]; drop: boolean }[], from: string): Promise<void> {
    const [oursBefore, elsewhereBefore] = [this.#ours.messages.length, this.#elsewhere.messages.length]
    const tokens: string[] = []
    const accepted = await Promise.all(
      batch.map(async ({ moves, drop }) => {
        const token = randomBytes(6).toString('hex')
        tokens.push(...(drop ? [token] : []))
        return this.#session(ended(moves, drop, token), from, drop)
      }),
    )
    await this.#arrive(accepted.flat(), [oursBefore, elsewhereBefore])
    const arrived = [...this.#ours.messages.slice(oursBefore), ...this.#elsewhere.messages.slice(elsewhereBefore)]
    const cut = arrived.find(({ content }) => tokens.some((token) => content.includes(token)))
    if (cut) throw new Error(`a message arrived that was cut off: ${JSON.stringify(cut.content.toString('latin1'))}`)
    // Notices have no sender
    const relayed = this.#elsewhere.messages.slice(elsewhereBefore).find(({ mailFrom }) => mailFrom !== '')
    if (from === STRANGER && relayed) throw new Error(`relayed for a stranger: ${JSON.stringify(relayed.rcptTo)}`)
  }

  async #session(moves: readonly Move[], from: string, drop: boolean): Promise<readonly Accepted[]> {
    const { sent, answered } = await converse(this.#port, moves, { from, drop })
    this.tally.sessions++
    this.tally.bytes += sent.length
    if (drop) {
      this.tally.unfinished++
      return []
    }
    const { accepted, problems } = readSession(sent, answered)
    if (problems.length > 0)
      throw new Error(`${problems.join('; ')}\nsent: ${JSON.stringify(sent)}\nanswered: ${JSON.stringify(answered)}`)
    this.tally.accepted += accepted.length
    return accepted
  }

  async #arrive(accepted: readonly Accepted[], [ours, elsewhere]: readonly [number, number]): Promise<void> {
    const empty = async () => (await this.#daemon.queue()).length === 0
    await waitFor(empty, { what: 'an empty queue' })
    const arrived = new Map<string, Received[]>()
    for (const message of [...this.#ours.messages.slice(ours), ...this.#elsewhere.messages.slice(elsewhere)]) {
      const id = /^Received:[^;]*\sid ([0-9A-Z]{11})/.exec(message.content.toString('latin1'))?.[1] ?? ''
      arrived.set(id, [...(arrived.get(id) ?? []), message])
    }
    for (const message of accepted) compare(message, arrived.get(message.queueId) ?? [])
  }

  alive(): Promised {
    const errors = this.#daemon.logLines.filter(({ level }) => level === 'error')
    return {
      text: 'The daemon lives, and nothing failed inside it.',
      kept: this.#daemon.alive && this.#daemon.pid === this.#pid && errors.length === 0,
      detail: errors.length === 0 ? 'no error logged' : JSON.stringify(errors[0]).slice(0, 500),
    }
  }
}

/** A session ends its content and says QUIT, or is cut off in the middle of a message. */
function ended(moves: readonly Move[], drop: boolean, token: string): readonly Move[] {
  if (!drop) return [...moves, { pieces: ['\r\n.\r\nQUIT\r\n'], wait: false }]
  const begin = [
    '\r\n.\r\nRSET\r\nEHLO x.test\r\n',
    'MAIL FROM:<a@client.test>\r\nRCPT TO:<b@ours.test>\r\n',
    'DATA\r\n',
  ]
  const last = { pieces: [`a: b\r\n\r\n${token}\r\n`, '.', '\n', '.'], wait: true }
  return [...moves, ...begin.map((text) => ({ pieces: [text], wait: true })), last]
}

function compare({ queueId, content, from, to }: Accepted, arrived: readonly Received[]): void {
  const told = (what: string) =>
    new Error(
      `${what}: ${queueId} ${JSON.stringify({ from, to, content, arrived: arrived.map((m) => String(m.content)) })}`,
    )
  const reached = arrived.flatMap(({ rcptTo }) => rcptTo.map(({ address }) => address))
  if (new Set(reached).size !== reached.length) throw told('arrived twice')
  if (names(reached) !== names(to)) throw told('did not reach its recipients')
  for (const { content: bytes, mailFrom } of arrived) {
    const text = bytes.toString('latin1')
    const trace = text.slice(0, text.length - content.length)
    if (!text.endsWith(content) || !/^Received: .*(\r\n\t.*)*\r\n(\r\n)?$/.test(trace)) throw told('arrived altered')
    if (names([mailFrom]) !== names([from])) throw told('arrived from somebody else')
  }
}

const names = (addresses: readonly string[]): string =>
  [
    ...new Set(
      addresses.map((address) => address.replace(/^@[^:"]*:/, '').replace(/@[^@]*$/, (domain) => domain.toLowerCase())),
    ),
  ]
    .sort()
    .join(' ')

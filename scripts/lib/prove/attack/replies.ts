import { createServer, type Socket } from 'node:net'
import { silentLog } from '../../../../src/log.ts'
import { type ClientTarget, DEFAULT_LIMITS, openSession, type SendResult } from '../../../../src/smtp/client/index.ts'
import { ReplyParser } from '../../../../src/smtp/client/replies.ts'
import { envelopeTo, textContent, timeouts } from '../../../../test/unit/smtp/client/setup.ts'
import type { Proof, Prover } from '../part.ts'
import { type Random, randomOf } from '../random.ts'
import { altered } from './altered.ts'

const REPLIES: readonly string[] = [
  '250 2.0.0 ok\r\n',
  '250-first\r\n250-2.0.0 second\r\n250 last\r\n',
  '451 4.3.0 later\r\n',
  '550-5.1.1 no\r\n550 5.1.1 such\r\n',
  '250\r\n',
  '250-\r\n250 \r\n',
  '421 4.3.2 closing\r\n',
]
const RECIPIENTS = ['a@next.test', 'b@next.test', 'c@next.test']
const TOO_LONG_MS = 10_000
const SHARE_OF_SESSIONS = 10

/** What a hostile next hop says: over the reader of replies, and in whole sessions of SMTP and LMTP. */
export async function proveReplies(prover: Prover): Promise<Proof> {
  const random = randomOf(prover.seed)
  const amount = prover.amount('mutations')
  const parsed = Array.from({ length: amount }, () => readWrong(manyReplies(random), random)).filter(isText)
  const peer = await HostilePeer.listen(prover)
  const wanted = Math.ceil(amount / SHARE_OF_SESSIONS)
  const sent: string[] = []
  let sessions = 0
  for (; sessions < wanted && !(peer.counts.relayed > 0 && prover.isOver()); sessions++)
    sent.push(...(await peer.play(random, sessions % 2 === 0 ? 'lmtp' : 'smtp')))
  prover.say(`${sessions} next hops that answer wrongly`)
  return {
    tables: [
      {
        title: 'Next hops that answer wrongly',
        columns: [
          'replies read whole and in pieces',
          'sessions',
          'recipients relayed',
          'deferred or failed',
          'in doubt',
        ],
        rows: [[amount, sessions, peer.counts.relayed, peer.counts.told, peer.counts.doubt]],
      },
    ],
    promises: [
      {
        text: 'A reply says the same however it arrives in pieces, and nothing that is none is taken for one.',
        kept: parsed.length === 0,
        detail: parsed[0] ?? `${amount} compared`,
      },
      {
        text: 'No next hop makes a recipient count as relayed without a 2xx of its own behind the content.',
        kept: sent.length === 0 && peer.counts.relayed > 0,
        detail: sent[0] ?? `${peer.counts.relayed} relayed`,
      },
    ],
  }
}

const isText = (text: string | null): text is string => text !== null
const manyReplies = (random: Random): string =>
  altered(Array.from({ length: 1 + random.below(4) }, () => random.pick(REPLIES)).join(''), random)

/** What is wrong with how these bytes are read, or null. */
function readWrong(text: string, random: Random): string | null {
  const whole = read([Buffer.from(text, 'latin1')])
  const pieces: Buffer[] = []
  for (let at = 0; at < text.length; ) {
    const length = 1 + random.below(6)
    pieces.push(Buffer.from(text.slice(at, at + length), 'latin1'))
    at += length
  }
  const isSame = JSON.stringify(read(pieces)) === JSON.stringify(whole)
  const expected = codesIn(text)
  const isRight = JSON.stringify(whole.codes) === JSON.stringify(expected)
  return isSame && isRight
    ? null
    : `${JSON.stringify(text)} is ${JSON.stringify(whole)}, not ${JSON.stringify(expected)}`
}

function read(pieces: readonly Buffer[]): { codes: number[]; wrong: string | null } {
  const parser = new ReplyParser(DEFAULT_LIMITS)
  const codes: number[] = []
  for (const piece of pieces) {
    const wrong = parser.feed(piece, ({ code }) => codes.push(code) > 0)
    if (wrong !== null) return { codes, wrong }
  }
  return { codes, wrong: null }
}

/** RFC 5321 section 4.2, read by itself. */
function codesIn(text: string): number[] {
  const codes: number[] = []
  const reply = /(?:([2-5]\d\d)-[^\r\n]*\r\n(?=\1))*([2-5]\d\d)(?: [^\r\n]*)?\r\n/y
  for (let found = reply.exec(text); found !== null; found = reply.exec(text)) codes.push(Number(found[2]))
  return codes
}

/** Answers soundly up to the content, mostly, and with altered replies behind it. */
class HostilePeer {
  readonly counts = { relayed: 0, told: 0, doubt: 0 }
  #port = 0
  /** Of the session in hand. */
  #answers: (line: string) => string = () => ''
  #end = ''

  static async listen(prover: Prover): Promise<HostilePeer> {
    const peer = new HostilePeer()
    const sockets = new Set<Socket>()
    const server = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket)
      peer.#serve(socket)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    peer.#port = typeof address === 'object' && address !== null ? address.port : 0
    prover.after(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return peer
  }

  #serve(socket: Socket): void {
    let heard = ''
    let inContent = false
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1')
      for (;;) {
        const end = heard.indexOf(inContent ? '\r\n.\r\n' : '\r\n')
        if (end < 0) return
        const line = heard.slice(0, end)
        heard = heard.slice(end + (inContent ? 5 : 2))
        // What is left unsaid would only be waited for
        if (inContent) socket.end(this.#end, 'latin1')
        else socket.write(this.#answers(line), 'latin1')
        inContent = !inContent && line === 'DATA'
      }
    })
    socket.write('220 next.test\r\n')
  }

  /** What is wrong, if anything. */
  async play(random: Random, protocol: 'smtp' | 'lmtp'): Promise<readonly string[]> {
    const extensions = random.chance(0.5) ? '250-PIPELINING\r\n250 8BITMIME\r\n' : '250 8BITMIME\r\n'
    const sound = (line: string) => {
      if (/^(EHLO|LHLO)/.test(line)) return `250-next.test\r\n${extensions}`
      return line === 'DATA' ? '354 go\r\n' : '250 2.1.0 ok\r\n'
    }
    const ends = Array.from({ length: protocol === 'lmtp' ? RECIPIENTS.length : 1 }, () => random.pick(REPLIES)).join(
      '',
    )
    this.#answers = sound
    this.#end = random.chance(0.8) ? altered(ends, random) : ends
    const started = performance.now()
    const result = await this.#send(protocol)
    const late = performance.now() - started > TOO_LONG_MS ? [`${JSON.stringify(this.#end)} took too long`] : []
    return [...late, ...(result === null ? [] : this.#judge(result, protocol))]
  }

  async #send(protocol: 'smtp' | 'lmtp'): Promise<SendResult | null> {
    const target: ClientTarget = {
      host: 'next.test',
      address: '127.0.0.1',
      port: this.#port,
      protocol,
      tls: { mode: 'none' },
      login: null,
      helo: 'relay.test',
      timeouts: timeouts(),
      localAddress: null,
    }
    const opened = await openSession(target, { log: silentLog })
    if (!opened.ok) throw new Error(`a sound greeting was not taken: ${opened.failure.text}`)
    const result = await opened.session.send(envelopeTo(RECIPIENTS), textContent())
    opened.session.destroy()
    return result
  }

  #judge({ recipients }: SendResult, protocol: 'smtp' | 'lmtp'): readonly string[] {
    const codes = codesIn(this.#end)
    return recipients.flatMap((one, i) => {
      this.counts[one.is === 'relayed' ? 'relayed' : one.is === 'unknown' ? 'doubt' : 'told']++
      const at = protocol === 'lmtp' ? i : 0
      const isTaken = Math.trunc((codes[at] ?? 0) / 100) === 2
      // A peer that says that it closes is not heard any further
      const isHeard = !codes.slice(0, at).includes(421)
      const isFalse = one.is === 'relayed' ? !isTaken : isTaken && isHeard
      return isFalse ? [`${protocol}: ${JSON.stringify(this.#end)} made recipient ${i} ${one.is}`] : []
    })
  }
}

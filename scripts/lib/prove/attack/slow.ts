import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { startDaemon } from '../../../../test/support/daemon.ts'
import { Dialogue } from '../../../../test/support/load.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { startSink } from '../../../../test/support/sink.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import type { Proof, Prover } from '../part.ts'

const PER_ADDRESS = 25
const HONEST = 60
/** Generous, for a busy machine: what is measured stands in the table. */
const PATIENCE_MS = 10_000
const SENTENCES: readonly string[] = [
  '',
  `EHLO ${'slow.'.repeat(800)}`,
  `EHLO slow.test\r\nMAIL FROM:<a@slow.test>\r\nRCPT TO:<b@ours.test>\r\nRCPT TO:<c@ours.test>\r\n${'x'.repeat(4000)}`,
  'EHLO slow.test\r\nSTARTTLS\r\n',
]

/** Thousands of strangers that say a byte at a time; others must still be served. */
export async function proveSlow(prover: Prover): Promise<Proof> {
  const sink = await startSink(prover)
  const port = await freePort()
  const daemon = await startDaemon(prover, {
    hostname: 'relay.test',
    listeners: [{ address: '127.0.0.1', port, tls: 'none' }],
    clients: [{ name: 'ward', networks: ['127.0.0.9'], tls: 'optional', senders: ['*'] }],
    domains: { 'ours.test': { relayTo: [`127.0.0.1:${sink.port}`], recipients: 'any' } },
    routes: { default: { hosts: [`127.0.0.1:${sink.port}`] } },
    limits: { outside: { reverseDns: 'off' } },
    log: { level: 'warn' },
    metrics: { listen: 'off' },
  })
  const before = memoryOf(daemon.pid)
  const slow = new Slow(port, prover.amount('slow'))
  prover.after(() => slow.end())
  await slow.open()
  prover.say(`${slow.greeted} slow senders are in`)
  const times = [...(await honest(port, '127.0.0.9')), ...(await honest(port, '127.200.0.1'))]
  const { greeted, lost } = slow
  const during = memoryOf(daemon.pid)
  slow.end()
  await waitFor(() => sink.messages.length === times.length, { what: 'all messages' })
  const ordered = [...times].sort((a, b) => a - b)
  const at = (share: number) => Math.round(ordered[Math.floor(ordered.length * share)] ?? 0)
  return {
    tables: [
      {
        title: 'Strangers that say a byte at a time, and honest senders beside them',
        columns: ['slow senders', 'honest messages', 'median ms', 'slowest ms', 'memory before, MiB', 'during, MiB'],
        rows: [[greeted, times.length, at(0.5), at(0.999), before, during]],
      },
    ],
    promises: [
      {
        text: 'Thousands of slow senders keep nobody else waiting.',
        kept: greeted >= slow.wanted && times.length === 2 * HONEST && at(0.999) < PATIENCE_MS && daemon.alive,
        detail: `${greeted} of ${slow.wanted} held on to, ${lost} let go`,
      },
    ],
  }
}

/** Milliseconds of each message, connection and all. Throws when one is refused. */
async function honest(port: number, from: string): Promise<number[]> {
  const times: number[] = []
  for (let n = 0; n < HONEST; n++) {
    const started = performance.now()
    const line = new Dialogue(connect({ host: '127.0.0.1', port, localAddress: from, noDelay: true }))
    await line.expect('220')
    await line.say('EHLO client.test\r\n', '250')
    await line.say('MAIL FROM:<a@client.test>\r\n', '250')
    await line.say('RCPT TO:<b@ours.test>\r\n', '250')
    await line.say('DATA\r\n', '354')
    await line.say('From: a@client.test\r\n\r\nhonest\r\n.\r\n', '250')
    line.close()
    times.push(performance.now() - started)
  }
  return times
}

class Slow {
  readonly wanted: number
  greeted = 0
  lost = 0
  readonly #port: number
  readonly #sockets: Socket[] = []
  /** Who talks before the greeting is turned away for that, which is another matter. */
  readonly #talking = new Set<Socket>()
  #ticking: NodeJS.Timeout | null = null
  #at = 0

  constructor(port: number, wanted: number) {
    this.#port = port
    this.wanted = wanted
  }

  async open(): Promise<void> {
    for (let n = 0; n < this.wanted; n++) {
      this.#sockets.push(this.#connect(n))
      if (n % 100 === 99) await sleep(20)
    }
    this.#ticking = setInterval(() => this.#tick(), 100)
    await waitFor(() => this.greeted >= this.wanted, { what: 'all to be greeted', timeoutMs: 30_000 }).catch(() => {})
  }

  end(): void {
    if (this.#ticking !== null) clearInterval(this.#ticking)
    for (const socket of this.#sockets) socket.destroy()
  }

  /** No more from one address and one network than the limits let in. */
  #connect(n: number): Socket {
    const address = Math.floor(n / PER_ADDRESS)
    const localAddress = `127.${10 + (address % 100)}.${1 + Math.floor(address / 100)}.1`
    const socket = connect({ host: '127.0.0.1', port: this.#port, localAddress, noDelay: true })
    socket.once('data', (greeting: Buffer) => {
      if (!String(greeting).startsWith('220')) return
      this.greeted++
      this.#talking.add(socket)
    })
    socket.on('error', () => {})
    socket.on('close', () => this.lost++)
    return socket
  }

  /** A tenth of them at a time, a byte each: everybody says one a second. */
  #tick(): void {
    const round = Math.floor(this.#at / 10)
    for (let n = this.#at++ % 10; n < this.#sockets.length; n += 10) {
      const socket = this.#sockets[n]
      const byte = SENTENCES[n % SENTENCES.length]?.charAt(round)
      if (byte && socket !== undefined && this.#talking.has(socket)) socket.write(byte)
    }
  }
}

const memoryOf = (pid: number): number =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024)

import { connect, type Socket } from 'node:net'

/** Bytes (binary text) in pieces as they are written, and whether an answer is awaited behind them. */
export interface Move {
  readonly pieces: readonly string[]
  readonly wait: boolean
}

export interface Heard {
  readonly sent: string
  /** Without the greeting. */
  readonly answered: string
  readonly closed: boolean
}

const ANSWER_MS = 400
const END_MS = 15_000
const tick = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Says all that to a server of this machine, from an address of it, and hears all that it answers. Resolves when it has closed, or `drop` let go of it. */
export async function converse(
  port: number,
  moves: readonly Move[],
  { from, drop }: { readonly from: string; readonly drop: boolean },
): Promise<Heard> {
  const ear = new Ear(connect({ host: '127.0.0.1', port, localAddress: from, noDelay: true }))
  await ear.until((text) => text.includes('\r\n'), END_MS)
  const greeting = ear.text.length
  let sent = ''
  for (const { pieces, wait } of moves) {
    const before = ear.text.length
    for (const piece of pieces) {
      sent += piece
      ear.socket.write(piece, 'latin1')
      await tick()
    }
    if (wait) await ear.until((text) => text.length > before, ANSWER_MS)
  }
  // What answers STARTTLS waits for a handshake that never comes
  if (!drop) await ear.until((text) => /(^|\n)220 2\.0\.0/.test(text.slice(greeting)), END_MS)
  const { closed } = ear
  ear.socket.destroy()
  return { sent, answered: ear.text.slice(greeting), closed }
}

class Ear {
  readonly socket: Socket
  text = ''
  closed = false
  #wake: () => void = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1')
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
      this.#wake()
    })
  }

  /** Until the text is so, the connection is closed, or the time is over. */
  async until(isSo: (text: string) => boolean, ms: number): Promise<void> {
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.#wake()
    }, ms)
    while (!this.closed && !isSo(this.text) && !late) await new Promise<void>((resolve) => (this.#wake = resolve))
    clearTimeout(timer)
  }
}

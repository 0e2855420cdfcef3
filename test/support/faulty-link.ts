import type { Socket } from 'node:net'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { FaultTally } from './fault-proxy.ts'

/** From who connected, or to them. */
export type Direction = 'up' | 'down'

/**
 * delay: nothing for a while. drip: one byte at a time. split: in pieces cut at random. garbage: bytes
 * that nobody sent. mute: one direction goes on, the other is swallowed. half-open: neither side is
 * read or written any more, and nothing is closed. close: FIN to both. reset: RST to both.
 */
export type FaultKind = 'delay' | 'drip' | 'split' | 'garbage' | 'mute' | 'half-open' | 'close' | 'reset'

export interface Fault {
  readonly kind: FaultKind
  readonly direction: Direction
  /** It happens once so many bytes went in its direction; 0 is before the first one, at once. */
  readonly afterBytes: number
  /** Of a delay, milliseconds. */
  readonly delayMs: number
}

export interface LinkOptions {
  readonly near: Socket
  readonly far: Socket
  readonly fault: Fault | null
  readonly tested: 'near' | 'far'
  readonly holdMs: number
  readonly random: () => number
  readonly tally: FaultTally
  readonly tap: (direction: Direction, bytes: Buffer) => void
  readonly onFault: (fault: Fault) => void
}

/** So many bytes are dripped or cut to pieces; then all goes on as it comes. */
const SLOW_BYTES = 400
/** Time for the end of a connection to be seen, once it is looked for. */
const LOOK_MS = 2_000

/** After these the side under test can do nothing more with the connection but leave it. */
const DEADLY: readonly FaultKind[] = ['mute', 'half-open', 'close', 'reset']

/** One connection through a proxy, with the one fault that is to happen to it. */
export class FaultyLink {
  readonly closed: Promise<unknown>
  readonly #options: LinkOptions
  readonly #tested: Socket
  readonly #hold = new AbortController()
  readonly #passed: Record<Direction, number> = { up: 0, down: 0 }
  #fault: Fault | null
  /** Bytes that still go slowly, and how. */
  #slow: { left: number; readonly kind: 'drip' | 'split' } | null = null
  #muted: Direction | null = null
  #frozen: Promise<unknown> | null = null
  #over = false
  /** A fault happened after which nothing is left but to leave. */
  #dead = false
  #testedLeft = false

  constructor(options: LinkOptions) {
    const { near, far, tested, fault } = options
    this.#options = options
    this.#fault = fault
    this.#tested = tested === 'near' ? near : far
    this.closed = Promise.all([gone(near), gone(far)])
    void this.closed.then(() => this.#hold.abort())
  }

  start(): void {
    const { near, far } = this.#options
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.on('error', () => this.#broken(socket, other))
      socket.on('close', () => this.#left(socket, other))
    }
    if (this.#fault?.afterBytes === 0) void this.#happen(this.#fault, Buffer.alloc(0))
    void this.#pump('up', near, far)
    void this.#pump('down', far, near)
  }

  destroy(): void {
    this.#over = true
    this.#hold.abort()
    this.#options.near.destroy()
    this.#options.far.destroy()
  }

  async #pump(direction: Direction, from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false })) {
        if (this.#frozen !== null) await this.#frozen
        if (!this.#over) await this.#pass(direction, chunk as Buffer)
      }
      if (from === this.#tested) this.#testedLeft = true
      if (from === this.#tested && this.#dead) this.destroy()
      else if (!this.#hides(from)) to.end()
      if (from === this.#tested) await this.#closeSoon()
    } catch {
      // its `error` and `close` are heard elsewhere
    }
  }

  /** Some servers keep what the other side has left. */
  async #closeSoon(): Promise<void> {
    await sleep(LOOK_MS, null, { signal: this.#hold.signal })
    this.destroy()
  }

  async #pass(direction: Direction, chunk: Buffer): Promise<void> {
    const before = this.#passed[direction]
    this.#passed[direction] += chunk.length
    const fault = this.#fault
    if (fault?.direction !== direction || before + chunk.length < fault.afterBytes) {
      await this.#forward(direction, chunk)
      return
    }
    const cut = Math.max(0, fault.afterBytes - before)
    await this.#forward(direction, chunk.subarray(0, cut))
    await this.#happen(fault, chunk.subarray(cut))
  }

  async #happen(fault: Fault, rest: Buffer): Promise<void> {
    const { tally, onFault } = this.#options
    this.#fault = null
    onFault(fault)
    tally.faults.set(fault.kind, (tally.faults.get(fault.kind) ?? 0) + 1)
    if (DEADLY.includes(fault.kind)) void this.#watch(fault)
    if (fault.kind === 'drip' || fault.kind === 'split') this.#slow = { left: SLOW_BYTES, kind: fault.kind }
    else if (fault.kind === 'delay') await sleep(fault.delayMs)
    else if (fault.kind === 'garbage') await this.#garble(fault.direction)
    else this.#kill(fault)
    if (!this.#over) await this.#forward(fault.direction, rest)
  }

  #kill({ kind, direction }: Fault): void {
    const { near, far } = this.#options
    if (kind === 'mute') this.#muted = direction
    else if (kind === 'half-open') this.#freeze()
    else {
      this.#over = true
      for (const socket of [near, far]) {
        if (kind === 'reset') reset(socket)
        else socket.end()
      }
    }
  }

  /** What is not read fills the buffers of the system, and then whoever writes must wait. */
  #freeze(): void {
    this.#over = true
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#frozen = promise
    this.#hold.signal.addEventListener('abort', () => resolve())
    void sleep(this.#options.holdMs, null, { signal: this.#hold.signal }).then(() => resolve(), resolve)
  }

  /** Garbage is no text and no command; an answer to what it damaged must not count as one to what was sent. */
  async #garble(direction: Direction): Promise<void> {
    const { random } = this.#options
    const bytes = Buffer.from(
      Array.from({ length: 1 + Math.floor(random() * 64) }, () => 128 + Math.floor(random() * 128)),
    )
    if (direction === 'up') this.#muted = 'down'
    await this.#write(direction, bytes)
  }

  async #forward(direction: Direction, bytes: Buffer): Promise<void> {
    if (bytes.length === 0 || this.#muted === direction) return
    let rest = bytes
    while (this.#slow !== null && this.#slow.left > 0 && rest.length > 0) {
      const { kind } = this.#slow
      const length = kind === 'drip' ? 1 : 1 + Math.floor(this.#options.random() * 40)
      const piece = rest.subarray(0, length)
      rest = rest.subarray(piece.length)
      this.#slow.left -= piece.length
      await this.#write(direction, piece)
      await turn()
    }
    if (rest.length > 0) await this.#write(direction, rest)
  }

  async #write(direction: Direction, bytes: Buffer): Promise<void> {
    const to = direction === 'up' ? this.#options.far : this.#options.near
    if (!to.writable) return
    this.#options.tap(direction, bytes)
    if (!to.write(bytes)) await new Promise<void>((resolve) => drained(to, resolve))
  }

  /** Looks how long the side under test keeps what is dead. */
  async #watch(fault: Fault): Promise<void> {
    this.#dead = true
    const { tally, holdMs } = this.#options
    const since = performance.now()
    const left = gone(this.#tested)
    const kept = sleep(holdMs, 'kept', { signal: this.#hold.signal }).catch(() => 'gone')
    const seen = fault.kind === 'half-open' ? await kept : await Promise.race([left, kept])
    if (fault.kind === 'mute' && seen !== 'kept') tally.longestMs = Math.max(tally.longestMs, performance.now() - since)
    // Frozen, its end is seen only now that it is read again
    if (seen === 'kept') await Promise.race([left, this.#ends(), sleep(LOOK_MS)])
    if (seen === 'kept' && !this.#testedLeft) tally.overdue.push(`${fault.kind} ${fault.direction} ${fault.afterBytes}`)
    this.destroy()
  }

  async #ends(): Promise<void> {
    while (!this.#testedLeft) await sleep(20)
  }

  /** Whether the side under test must find out by itself that the other one is gone. */
  #hides(socket: Socket): boolean {
    if (socket === this.#tested) return false
    return this.#frozen !== null || this.#muted === (socket === this.#options.near ? 'up' : 'down')
  }

  #left(socket: Socket, other: Socket): void {
    if (socket === this.#tested) this.#testedLeft = true
    if (!this.#hides(socket)) other.destroySoon()
  }

  #broken(socket: Socket, other: Socket): void {
    if (socket === this.#tested) this.#testedLeft = true
    if (!this.#hides(socket)) reset(other)
  }
}

/** Unix sockets know no RST: unread bytes do the same to them. */
function reset(socket: Socket): void {
  if (socket.remoteAddress === undefined) socket.destroy()
  else socket.resetAndDestroy()
}

const gone = (socket: Socket): Promise<unknown> =>
  socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve))

function drained(socket: Socket, done: () => void): void {
  const end = () => {
    socket.off('drain', end)
    socket.off('close', end)
    done()
  }
  socket.on('drain', end)
  socket.on('close', end)
}

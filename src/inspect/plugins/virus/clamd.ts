import type { Clock } from '../../../clock.ts'
import type { ScannerAddress } from '../../scanners/address.ts'
import { openSocket } from '../../scanners/connect.ts'
import { ScannerFailure, shown } from '../../scanners/failure.ts'
import type { Scanner } from '../../scanners/host.ts'
import { readScanReply, type ScanResult } from './reply.ts'
import type { Sample } from './sample.ts'
import { ClamdSession } from './session.ts'

export interface ClamdOptions {
  /** Milliseconds. */
  readonly connectTimeoutMs: number
  /** How long a connection is kept without use. clamd closes it after its own IdleTimeout, 30 s by default. */
  readonly idleMs: number
}

/** A connection without use, and what keeps it from being let go. */
interface Idle {
  readonly session: ClamdSession
  readonly cancel: () => void
}

/** One clamd: scans over connections that are kept, as many as there are scans at once. */
export class Clamd implements Scanner<Sample, ScanResult> {
  readonly name: string
  readonly #address: ScannerAddress
  readonly #options: ClamdOptions
  readonly #clock: Clock
  /** The last one used lies on top. */
  readonly #idle: Idle[] = []
  #closed = false

  constructor(address: ScannerAddress, options: ClamdOptions, clock: Clock) {
    this.name = address.name
    this.#address = address
    this.#options = options
    this.#clock = clock
  }

  async scan(sample: Sample, signal: AbortSignal): Promise<ScanResult> {
    const kept = this.#takeIdle()
    if (kept === null) return this.#scanOver(await this.#open(signal), sample, signal)
    try {
      return await this.#scanOver(kept, sample, signal)
    } catch (error) {
      // clamd may have closed a kept connection just then, for its own reasons: the message deserves a new one
      if (!(error instanceof ScannerFailure) || error.kind !== 'broken' || kept.answering || signal.aborted) throw error
    }
    return this.#scanOver(await this.#open(signal), sample, signal)
  }

  async #scanOver(session: ClamdSession, sample: Sample, signal: AbortSignal): Promise<ScanResult> {
    try {
      const result = readScanReply(await session.scan(sample, signal))
      this.#keep(session)
      return result
    } catch (error) {
      session.close()
      throw error
    }
  }

  async #open(signal: AbortSignal): Promise<ClamdSession> {
    return new ClamdSession(await openSocket(this.#address, this.#options.connectTimeoutMs, this.#clock, signal))
  }

  #takeIdle(): ClamdSession | null {
    for (let found = this.#idle.pop(); found !== undefined; found = this.#idle.pop()) {
      found.cancel()
      if (found.session.open) return found.session
    }
    return null
  }

  #keep(session: ClamdSession): void {
    if (this.#closed) session.close()
    else this.#idle.push(this.#idling(session))
  }

  #idling(session: ClamdSession): Idle {
    const letGo = () => {
      session.close()
      this.#idle.splice(this.#idle.indexOf(idle), 1)
    }
    const idle = { session, cancel: this.#clock.after(this.#options.idleMs, letGo) }
    return idle
  }

  /** Connects anew, for that is what the next message may have to do. */
  async check(signal: AbortSignal): Promise<string> {
    const session = await this.#open(signal)
    try {
      const version = await session.command('VERSION', signal)
      if (!/^ClamAV \d/.test(version))
        throw new ScannerFailure('nonsense', `it calls itself ${JSON.stringify(shown(version))}`)
      return shown(version)
    } finally {
      session.close()
    }
  }

  close(): void {
    this.#closed = true
    for (const { session, cancel } of this.#idle.splice(0)) {
      cancel()
      session.close()
    }
  }
}

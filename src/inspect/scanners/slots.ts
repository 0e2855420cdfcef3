import { ScannerFailure } from './failure.ts'

interface Waiter {
  readonly go: (release: () => void) => void
}

/** So many at once, so many more in line, first come first served. */
export class Slots {
  readonly #most: number
  readonly #mostWaiting: number
  readonly #line = new Set<Waiter>()
  #taken = 0

  constructor(most: number, mostWaiting: number) {
    this.#most = most
    this.#mostWaiting = mostWaiting
  }

  get waiting(): number {
    return this.#line.size
  }

  /** Resolves with what gives the slot back. Rejects with ScannerFailure `busy` if the line is full, or when `signal` aborts. */
  take(signal: AbortSignal): Promise<() => void> {
    if (this.#taken < this.#most) {
      this.#taken++
      return Promise.resolve(this.#releaser())
    }
    if (this.#line.size >= this.#mostWaiting)
      return Promise.reject(new ScannerFailure('busy', `${this.#mostWaiting} messages wait for it already`))
    return this.#wait(signal)
  }

  #wait(signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#line.delete(waiter)
        reject(new ScannerFailure('busy', 'it was too busy to begin'))
      }
      const waiter: Waiter = {
        go: (release) => {
          signal.removeEventListener('abort', leave)
          resolve(release)
        },
      }
      if (signal.aborted) return leave()
      signal.addEventListener('abort', leave, { once: true })
      this.#line.add(waiter)
    })
  }

  /** What gives a slot to the next in line, once. */
  #releaser(): () => void {
    let held = true
    return () => {
      if (!held) return
      held = false
      const [next] = this.#line
      if (next === undefined) {
        this.#taken--
        return
      }
      this.#line.delete(next)
      next.go(this.#releaser())
    }
  }
}

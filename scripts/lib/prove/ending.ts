/** Why a part ends before it has done all. */
export type Cut = 'interrupted' | 'out of time'

/** Says when it is enough: after so many minutes, or at the first SIGINT. A second one ends the process. */
export class Ending {
  readonly #until: number
  readonly #onSignal: () => void
  #interrupted = false

  constructor(minutes: number | null, say: (text: string) => void) {
    this.#until = minutes === null ? Number.POSITIVE_INFINITY : performance.now() + minutes * 60_000
    this.#onSignal = () => {
      this.#interrupted = true
      say('interrupted: the present step is finished, and the account is given')
    }
    process.once('SIGINT', this.#onSignal)
  }

  /** Null while it shall go on. */
  get cut(): Cut | null {
    if (this.#interrupted) return 'interrupted'
    return performance.now() >= this.#until ? 'out of time' : null
  }

  stop(): void {
    process.off('SIGINT', this.#onSignal)
  }
}

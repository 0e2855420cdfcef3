import type { Alarms } from '../alarms.ts'

type Raised = Parameters<Alarms['raise']>

/** Takes alarms before the room of alarms is open, and hands on to it all that stands then, and what comes later. */
export class EarlyAlarms implements Alarms {
  readonly #waiting = new Map<string, Raised>()
  #to: Alarms | null = null

  raise(...raised: Raised): void {
    if (this.#to === null) this.#waiting.set(raised[0], raised)
    else this.#to.raise(...raised)
  }

  clear(key: string): void {
    this.#waiting.delete(key)
    this.#to?.clear(key)
  }

  /** Gives it back. */
  use(to: Alarms): Alarms {
    this.#to = to
    for (const raised of this.#waiting.values()) to.raise(...raised)
    this.#waiting.clear()
    return to
  }
}

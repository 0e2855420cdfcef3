/**
 * Below this message nobody grows too old any more but those who were released, and they have an index of their
 * own: what lies held there in its thousands is not looked through again each minute. In memory: a start looks
 * through all once.
 */
export class AgedMark {
  #from = 0
  #receivedBefore = 0

  /** From where to look for what was received before this; after a clock or a lifetime that was changed, from the start. */
  from(receivedBefore: number): number {
    if (receivedBefore < this.#receivedBefore) this.#from = 0
    this.#receivedBefore = receivedBefore
    return this.#from
  }

  reached(id: number): void {
    if (id > this.#from) this.#from = id
  }

  /** This message may grow too old. */
  notBefore(id: number): void {
    if (id < this.#from) this.#from = id
  }

  /** What was seen may not be so. */
  rolledBack(): void {
    this.#from = 0
  }
}

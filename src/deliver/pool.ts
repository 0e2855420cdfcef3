import type { Connection, Hop } from './hop.ts'

/** Shares the connections that there may be in all between the next hops that want some. */
export class Pool {
  max: number
  /** Nothing is kept open any more. */
  isClosing = false
  #open = 0
  readonly #holders = new Map<Hop, number>()
  /** In the order in which they asked. */
  readonly #waiting = new Set<Hop>()
  readonly #freed: (hop: Hop) => void

  /** `freed` is told of a next hop that waited, when there is a place for it. */
  constructor(max: number, freed: (hop: Hop) => void) {
    this.max = max
    this.#freed = freed
  }

  get open(): number {
    return this.#open
  }

  /** A place for one more connection; false if there is none: then the hop is told later. */
  take(hop: Hop): boolean {
    if (this.#open >= this.max && !this.#evict()) {
      this.#waiting.add(hop)
      return false
    }
    this.#open++
    this.#holders.set(hop, (this.#holders.get(hop) ?? 0) + 1)
    return true
  }

  release(hop: Hop): void {
    this.#drop(hop)
    for (const next of this.#waiting) {
      if (this.#open >= this.max) return
      this.#waiting.delete(next)
      this.#freed(next)
    }
  }

  /** Somebody waits for a place: nothing may stay open without work. */
  get isWanted(): boolean {
    return this.#waiting.size > 0
  }

  /** An idle connection that the peer closes gives its place back. */
  watch(hop: Hop, connection: Connection): void {
    void connection.carrier.closed.then(() => {
      const at = hop.idle.indexOf(connection)
      if (at < 0) return
      hop.idle.splice(at, 1)
      this.release(hop)
    })
  }

  /** Others wait, and this one has more than its share. */
  isUnfair(hop: Hop): boolean {
    if (this.#waiting.size === 0 || (this.#holders.get(hop) ?? 0) <= 1) return false
    const parties = new Set([...this.#holders.keys(), ...this.#waiting]).size
    return (this.#holders.get(hop) ?? 0) > Math.max(1, Math.floor(this.max / parties))
  }

  /** Closes a connection that only waits for work. */
  #evict(): boolean {
    for (const hop of this.#holders.keys()) {
      const connection = hop.idle.shift()
      if (!connection) continue
      void connection.carrier.quit().catch(() => {})
      this.#drop(hop)
      return true
    }
    return false
  }

  #drop(hop: Hop): void {
    this.#open--
    const held = (this.#holders.get(hop) ?? 1) - 1
    if (held > 0) this.#holders.set(hop, held)
    else this.#holders.delete(hop)
  }
}

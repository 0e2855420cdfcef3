import { createHash } from 'node:crypto'
import type { ConnectionOptions } from 'node:tls'
import { sha256 } from './certificate.ts'
import type { KeyedDemand } from './demand.ts'

/** Names decisions: two that ask for exactly the same of the same hosts have the same name, and no others. */
export class DecisionKeys {
  readonly #known = new WeakMap<object, string>()
  #handles = 0

  of(source: string, demands: readonly KeyedDemand[]): string {
    const parts = demands.map(({ demand, identity }) => [identity, this.#textOf(demand.tls.options)])
    const digest = createHash('sha256')
      .update(JSON.stringify([source, parts]))
      .digest('base64url')
    return `${source} ${digest.slice(0, 22)}`
  }

  #textOf(options: ConnectionOptions): string {
    const entries = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1))
    return JSON.stringify(entries.map(([name, value]) => [name, this.#plain(value)]))
  }

  #plain(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((each) => this.#plain(each))
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value
    const known = this.#known.get(value) ?? this.#name(value)
    this.#known.set(value, known)
    return known
  }

  /** Bytes are the same if they are equal; contexts, functions and the like only if they are the same object. */
  #name(value: object): string {
    return Buffer.isBuffer(value) ? sha256(value) : `handle ${++this.#handles}`
  }
}

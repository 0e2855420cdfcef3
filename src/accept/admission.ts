import { networkKey } from '../net/network.ts'
import type { Client } from './clients.ts'
import type { Policy } from './policy.ts'
import type { Refusal } from './replies.ts'

/** One household or machine has a whole /64 of IPv6. */
const ADDRESS = { v4: 32, v6: 64 } as const
const NETWORK = { v4: 24, v6: 48 } as const

/** What an address that is not registered is counted by. */
export const sourceKey = (address: string): string => networkKey(address, ADDRESS)

/** A connection that was let in. */
export interface Admitted {
  /** Counters that it stands in. */
  readonly keys: readonly string[]
  readonly outside: boolean
}

/** Counts the connections that are open: all, those from outside, of each address, network and client. */
export class Admission {
  readonly #open = new Map<string, number>()
  #total = 0
  #outside = 0

  get total(): number {
    return this.#total
  }

  /** Lets a connection in and counts it until `leave`, or says why not. */
  enter(policy: Policy, address: string, client: Client | null): Admitted | Refusal {
    const { options, replies } = policy
    if (this.#total >= options.connections.total) return replies.tooManyConnections
    return client === null ? this.#enterOutside(policy, address) : this.#enterClient(policy, client)
  }

  #enterClient({ replies }: Policy, { name, options }: Client): Admitted | Refusal {
    const key = `client ${name}`
    if (options.connections !== null && this.#count(key) >= options.connections) return replies.tooManyFromClient
    return this.#enter([key], false)
  }

  #enterOutside({ options: { connections }, replies }: Policy, address: string): Admitted | Refusal {
    if (this.#outside >= connections.outside) return replies.tooManyConnections
    const source = sourceKey(address)
    if (this.#count(source) >= connections.perAddress) return replies.tooManyFromAddress
    const network = networkKey(address, NETWORK)
    if (this.#count(network) >= connections.perNetwork) return replies.tooManyFromNetwork
    return this.#enter([source, network], true)
  }

  #enter(keys: readonly string[], outside: boolean): Admitted {
    this.#total++
    if (outside) this.#outside++
    for (const key of keys) this.#open.set(key, this.#count(key) + 1)
    return { keys, outside }
  }

  leave({ keys, outside }: Admitted): void {
    this.#total--
    if (outside) this.#outside--
    for (const key of keys) {
      const left = this.#count(key) - 1
      if (left > 0) this.#open.set(key, left)
      else this.#open.delete(key)
    }
  }

  #count(key: string): number {
    return this.#open.get(key) ?? 0
  }
}

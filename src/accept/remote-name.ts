import type { Policy } from './policy.ts'
import type { NameLookup } from './ports.ts'
import type { Refusal } from './replies.ts'

type Found = { readonly name: string | null } | 'temporary'

/** The reverse name of a connection from outside: asked for at its start, waited for only where it is needed. */
export class RemoteName {
  readonly #policy: Policy
  readonly #finding: Promise<Found> | null
  #found: Found | null = null

  /** Null where names are not looked up. */
  static of(address: string, policy: Policy, names: NameLookup | null): RemoteName | null {
    if (names === null || policy.options.outside.reverseName === 'off') return null
    return new RemoteName(policy, names.reverse(address))
  }

  private constructor(policy: Policy, finding: Found | Promise<Found>) {
    this.#policy = policy
    if (!(finding instanceof Promise)) {
      this.#found = finding
      this.#finding = null
      return
    }
    this.#finding = finding
      .catch((): Found => 'temporary')
      .then((found) => {
        this.#found = found
        return found
      })
  }

  /** As far as it is known by now. */
  get known(): string | null {
    return this.#found === null || this.#found === 'temporary' ? null : this.#found.name
  }

  async settled(): Promise<void> {
    await this.#finding
  }

  /** Why the address may not send, where a name is required. */
  async refusal(): Promise<Refusal | null> {
    const { outside } = this.#policy.options
    if (outside.reverseName !== 'require') return null
    await this.#finding
    if (this.#found === 'temporary' || this.#found === null) return this.#policy.replies.reverseNameUnchecked
    return this.#found.name === null ? this.#policy.replies.noReverseName : null
  }
}

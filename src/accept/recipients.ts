import type { Clock } from '../clock.ts'
import { type Address, addressKey } from '../mail/address.ts'
import type { ReversePath } from '../mail/envelope.ts'
import type { Later } from '../smtp/server/contract.ts'
import { isPostmaster, recipientKey } from './addresses.ts'
import type { AcceptOptions, DomainOptions } from './options.ts'
import type { RecipientList, RecipientLookup } from './ports.ts'

export type Known = 'exists' | 'unknown' | 'temporary'

/** Whether recipients of our domains exist. Answers of the lookup are remembered, and the same question is asked only once at a time. */
export class Recipients {
  readonly #list: RecipientList | null
  readonly #lookup: RecipientLookup | null
  readonly #clock: Clock
  readonly #answers = new Map<string, { known: Known; until: number }>()
  readonly #asking = new Map<string, Promise<Known>>()

  constructor(list: RecipientList | null, lookup: RecipientLookup | null, clock: Clock) {
    this.#list = list
    this.#lookup = lookup
    this.#clock = clock
  }

  get remembered(): number {
    return this.#answers.size
  }

  /** An unknown that nobody can answer is `temporary`: mail is not refused for good because a part is missing here. */
  check(to: Address, from: ReversePath, domain: DomainOptions, options: AcceptOptions): Later<Known> {
    if (domain.recipients === 'any') return 'exists'
    const key = recipientKey(to)
    if (domain.recipients === 'ask') return this.#ask(key, to, from, options)
    if (this.#list === null) return 'temporary'
    // RFC 5321 section 4.5.1: postmaster exists in every domain
    const listed = this.#list.has(to.domain, key) || this.#list.has(to.domain, addressKey(to))
    return listed || isPostmaster(to) ? 'exists' : 'unknown'
  }

  #ask(key: string, to: Address, from: ReversePath, options: AcceptOptions): Later<Known> {
    const answer = this.#answers.get(key)
    if (answer !== undefined && answer.until > this.#clock.now()) return answer.known
    const asked = this.#asking.get(key)
    if (asked !== undefined) return asked
    if (this.#lookup === null) return 'temporary'
    const found = this.#lookup.lookup(to, from)
    if (typeof found === 'string') return this.#remember(key, found, options)
    return this.#wait(key, found, options)
  }

  #wait(key: string, found: Promise<Known>, options: AcceptOptions): Promise<Known> {
    const waiting = found
      .catch((): Known => 'temporary')
      .then((known) => this.#remember(key, known, options))
      .finally(() => this.#asking.delete(key))
    this.#asking.set(key, waiting)
    return waiting
  }

  #remember(key: string, known: Known, options: AcceptOptions): Known {
    this.#answers.delete(key)
    if (known !== 'exists' && known !== 'unknown') return 'temporary'
    const { recipientCheck, limits } = options
    if (this.#answers.size >= limits.remembered) this.#forgetOldest()
    const forMs = known === 'exists' ? recipientCheck.knownMs : recipientCheck.unknownMs
    this.#answers.set(key, { known, until: this.#clock.now() + forMs })
    return known
  }

  #forgetOldest(): void {
    for (const key of this.#answers.keys()) {
      this.#answers.delete(key)
      return
    }
  }
}

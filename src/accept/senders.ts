import type { ReversePath } from '../mail/envelope.ts'
import { keyOfText, recipientKey } from './addresses.ts'
import type { SenderPattern } from './options.ts'

/** Answers whether a reverse-path is allowed. However many patterns there are, it takes a few look-ups. */
export class SenderMatcher {
  #any = false
  #null: boolean
  readonly #addresses = new Set<string>()
  readonly #domains = new Set<string>()
  readonly #below = new Set<string>()

  /** `nullAllowed`: whether `<>` passes even where no pattern names it. */
  constructor(patterns: readonly SenderPattern[], nullAllowed: boolean) {
    this.#null = nullAllowed
    for (const pattern of patterns) this.#add(pattern)
  }

  #add(pattern: SenderPattern): void {
    if (pattern.is === 'any') this.#any = true
    else if (pattern.is === 'null') this.#null = true
    else if (pattern.is === 'address') this.#addresses.add(keyOfText(pattern.key))
    else (pattern.below ? this.#below : this.#domains).add(pattern.domain)
  }

  allows(from: ReversePath): boolean {
    if (this.#any) return true
    if (from === null) return this.#null
    return this.#domains.has(from.domain) || this.#addresses.has(recipientKey(from)) || this.#isBelow(from.domain)
  }

  #isBelow(domain: string): boolean {
    if (this.#below.size === 0) return false
    for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
      if (this.#below.has(domain.slice(dot + 1))) return true
    }
    return false
  }
}

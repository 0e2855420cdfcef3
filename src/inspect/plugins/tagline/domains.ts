import { parseDomain } from '../../../mail/address.ts'
import { OptionsError } from '../../options.ts'

/** Domains of a rule: names, `.example.test` for all names below one, `*` for any. */
export class DomainSet {
  readonly #names = new Set<string>()
  readonly #below = new Set<string>()
  #any = false

  /** Throws OptionsError; `place` says where the entries stand. */
  static parse(entries: readonly string[], place: string): DomainSet {
    const set = new DomainSet()
    for (const entry of entries) set.#add(entry, place)
    return set
  }

  #add(entry: string, place: string): void {
    if (entry === '*') {
      this.#any = true
      return
    }
    const isBelow = entry.startsWith('.')
    const name = parseDomain(isBelow ? entry.slice(1) : entry)
    if (name === null) throw new OptionsError(`${place}: expected a domain, .domain or *, found '${entry}'`)
    ;(isBelow ? this.#below : this.#names).add(name)
  }

  /** `domain` in lower-case A-labels. */
  has(domain: string): boolean {
    if (this.#any || this.#names.has(domain)) return true
    if (this.#below.size === 0) return false
    for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
      if (this.#below.has(domain.slice(dot + 1))) return true
    }
    return false
  }
}

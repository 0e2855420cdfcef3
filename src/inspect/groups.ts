import { divided, dividers, type Grouping } from './division.ts'
import { isModifier } from './links.ts'
import type { ChainMessage } from './message.ts'
import type { ContentOutcome } from './outcome.ts'
import type { Link } from './run.ts'
import type { Known } from './when.ts'

/** What a message's content passes. */
export interface ContentChain {
  /** `gone` is aborted when the client goes away. The outcome holds what was said earlier, too. */
  data(message: ChainMessage, gone: AbortSignal): Promise<ContentOutcome>
}

/** Recipients whose content passes the same plugins, and to whom none of them wants to do anything else. */
export interface Group {
  /** In the list that was asked about, ascending. */
  readonly indexes: readonly number[]
  readonly chain: ContentChain
  /** What dividing plugins said, by name. */
  readonly divisions: ReadonlyMap<string, string>
  /** Their message is to be kept as sensitive. */
  readonly sensitive: boolean
}

/** Sub-chains that are kept; what is asked beyond them is made each time. */
const MAX_KEPT = 256

/** Divides recipients by the links that apply to them and by what plugins say of them, and keeps a chain for each set of links. */
export class Groups {
  /** Links that look at content, or change it, for some mail only. */
  readonly #conditional: readonly Link[]
  readonly #dividers: readonly Link[]
  readonly #links: readonly Link[]
  readonly #chainOf: (links: readonly Link[]) => ContentChain
  readonly #kept = new Map<string, ContentChain>()

  constructor(links: readonly Link[], chainOf: (links: readonly Link[]) => ContentChain) {
    this.#links = links
    this.#chainOf = chainOf
    this.#conditional = links.filter(({ plugin, when }) => when && (isModifier(plugin) || plugin.data !== undefined))
    this.#dividers = dividers(links)
  }

  /** Whether groups can be anything but one, with all links. */
  get isConditional(): boolean {
    return this.#conditional.length > 0 || this.#dividers.length > 0
  }

  /** In the order of their first recipients. Throws DivisionFailed. */
  of(grouping: Grouping): readonly Group[] {
    const known = grouping.rcptTo.map((_, index) => knownOf(grouping, index))
    const said = divided(this.#dividers, grouping, ({ when }, index) => applies(when, known[index]))
    const members = known.map((each, index) => {
      const { keys = NO_KEYS, sensitive = false } = said[index] ?? {}
      return { index, set: this.#setOf(each), divisions: keys, sensitive }
    })
    return [...Map.groupBy(members, groupKey).values()].flatMap((group) => {
      const [first] = group
      if (first === undefined) return []
      const { set, divisions, sensitive } = first
      return { indexes: group.map(({ index }) => index), chain: this.#chain(set), divisions, sensitive }
    })
  }

  /** A digit for each conditional link: 1 where it applies. */
  #setOf(known: Known): string {
    return this.#conditional.map(({ when }) => (applies(when, known) ? '1' : '0')).join('')
  }

  #chain(set: string): ContentChain {
    const kept = this.#kept.get(set)
    if (kept !== undefined) return kept
    const without = new Set(this.#conditional.filter((_, i) => set[i] !== '1'))
    const made = this.#chainOf(this.#links.filter((link) => !without.has(link)))
    if (this.#kept.size < MAX_KEPT) this.#kept.set(set, made)
    return made
  }
}

interface Member {
  readonly set: string
  readonly divisions: ReadonlyMap<string, string>
  readonly sensitive: boolean
}

/** Equal for those that may share a passage. */
const groupKey = ({ set, divisions, sensitive }: Member): string =>
  divisions.size === 0 ? set : JSON.stringify([set, sensitive, ...divisions])

const NO_KEYS: ReadonlyMap<string, string> = new Map()

const applies = (when: Link['when'], known: Known | undefined): boolean => !when || (known !== undefined && when(known))

function knownOf({ session: { client }, mailFrom, rcptTo }: Grouping, index: number): Known {
  const to = rcptTo[index]
  const sender = mailFrom?.domain ?? null
  return to === undefined
    ? { client, sender }
    : { client, sender, direction: to.direction, recipient: to.recipient.address.domain }
}

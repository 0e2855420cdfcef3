import type { Recipient, ReversePath } from '../mail/envelope.ts'
import { isModifier } from './links.ts'
import type { ChainMessage } from './message.ts'
import type { ContentOutcome } from './outcome.ts'
import type { Direction, SessionView } from './plugin.ts'
import type { Link } from './run.ts'

/** What a message's content passes. */
export interface ContentChain {
  /** `gone` is aborted when the client goes away. The outcome holds what was said earlier, too. */
  data(message: ChainMessage, gone: AbortSignal): Promise<ContentOutcome>
}

/** Recipients whose content passes the same plugins. */
export interface Group {
  /** In the list that was asked about, ascending. */
  readonly indexes: readonly number[]
  readonly chain: ContentChain
}

/** Whom a message is for, as conditions see it. */
export interface Grouping {
  readonly session: SessionView
  readonly mailFrom: ReversePath
  readonly rcptTo: readonly { readonly recipient: Recipient; readonly direction: Direction }[]
}

/** Sub-chains that are kept; what is asked beyond them is made each time. */
const MAX_KEPT = 256

/** Divides recipients by the set of links that apply to them, and keeps a chain for each such set. */
export class Groups {
  /** Links that look at content, or change it, for some mail only. */
  readonly #conditional: readonly Link[]
  readonly #links: readonly Link[]
  readonly #chainOf: (links: readonly Link[]) => ContentChain
  readonly #kept = new Map<string, ContentChain>()

  constructor(links: readonly Link[], chainOf: (links: readonly Link[]) => ContentChain) {
    this.#links = links
    this.#chainOf = chainOf
    this.#conditional = links.filter(({ plugin, when }) => when && (isModifier(plugin) || plugin.data !== undefined))
  }

  /** Whether groups can be anything but one, with all links. */
  get isConditional(): boolean {
    return this.#conditional.length > 0
  }

  /** In the order of their first recipients. */
  of(grouping: Grouping): readonly Group[] {
    const sets = grouping.rcptTo.map((_, index) => ({ index, set: this.#setOf(grouping, index) }))
    return [...Map.groupBy(sets, ({ set }) => set)].map(([set, members]) => ({
      indexes: members.map(({ index }) => index),
      chain: this.#chain(set),
    }))
  }

  /** A digit for each conditional link: 1 where it applies. */
  #setOf({ session: { client }, mailFrom, rcptTo }: Grouping, index: number): string {
    const to = rcptTo[index]
    if (to === undefined) return ''
    const { direction, recipient } = to
    const known = { client, sender: mailFrom?.domain ?? null, direction, recipient: recipient.address.domain }
    return this.#conditional.map(({ when }) => (when?.(known) ? '1' : '0')).join('')
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

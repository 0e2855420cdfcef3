import type { ContentChain, Group } from '../inspect/groups.ts'
import type { ContentOutcome } from '../inspect/outcome.ts'
import type { Direction, SessionView } from '../inspect/plugin.ts'
import type { Content } from '../mail/content.ts'
import type { Recipient } from '../mail/envelope.ts'
import type { Header } from '../mail/header.ts'
import type { OpenTransaction } from './transaction.ts'
import { direction } from './views.ts'

/** Recipients of a message whose content passes the same plugins: all of them, unless plugins apply to some only, or divide them. */
export interface Part {
  readonly rcptTo: readonly Recipient[]
  readonly direction: Direction
  readonly chain: ContentChain
  /** What plugins said of them when they divided the message, by name. */
  readonly divisions: ReadonlyMap<string, string>
  /** Their message is kept as sensitive, unless a plugin encrypts it. */
  readonly sensitive: boolean
  /** Such as `1 of 2`; null for the whole message. */
  readonly split: string | null
}

/** What the plugins made of one part. */
export interface Judged {
  readonly part: Part
  readonly outcome: ContentOutcome
}

export function partsOf(
  open: OpenTransaction,
  session: SessionView,
  rcptTo: readonly Recipient[],
  { fields }: Header,
): readonly Part[] {
  const { client, policy } = open.peer
  const { chain } = policy
  const whole = { rcptTo, direction: direction(client, open.elsewhere), split: null }
  if (!chain.isConditional) return [{ ...whole, chain, divisions: NONE, sensitive: false }]
  const { domains } = policy.options
  const directed = rcptTo.map((recipient) => {
    return { recipient, direction: direction(client, !domains.has(recipient.address.domain)) }
  })
  const groups = chain.groups({ session, mailFrom: open.mail.from, rcptTo: directed, header: fields })
  const [only] = groups
  if (groups.length === 1 && only !== undefined) return [{ ...whole, ...handling(only) }]
  return groups.map((group, i) => {
    const members = group.indexes.flatMap((index) => directed[index] ?? [])
    return {
      rcptTo: members.map(({ recipient }) => recipient),
      direction: members.some((each) => each.direction === 'outbound') ? 'outbound' : direction(client, false),
      ...handling(group),
      split: `${i + 1} of ${groups.length}`,
    }
  })
}

const NONE: ReadonlyMap<string, string> = new Map()

const handling = ({ chain, divisions, sensitive }: Group) => ({ chain, divisions, sensitive })

/** Those whose content is the one that came, but for one of them, and that one at the end. */
export function inOrderOfPut(judged: readonly Judged[], came: Content): readonly Judged[] {
  const adopter = judged.findLast(({ outcome }) => outcome.content === came)
  if (adopter === undefined || judged.length === 1) return judged
  // The spool takes a file over once only, and it goes with its message. So the others are copied from
  // it first: what hides whose content it is makes the spool copy
  const { size, bytes } = came
  const lent: Content = { size, bytes, stream: () => came.stream() }
  const others = judged.filter((each) => each !== adopter)
  const copied = others.map(({ part, outcome }) => {
    return { part, outcome: outcome.content === came ? { ...outcome, content: lent } : outcome }
  })
  return [...copied, adopter]
}

/** For logs and the record. */
export const splitOf = ({ split }: Part) => (split === null ? {} : { split })

// RFC 5321 section 4.5.3.1.5: a reply line has 512 octets
const MAX_NAMED = 30

/** The ids of all messages that one became, as a reply names them. */
export function namesOf(queueIds: readonly string[]): string {
  const more = queueIds.length - MAX_NAMED
  return `${queueIds.slice(0, MAX_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

import type { Outcome } from '../inspect/outcome.ts'
import type { Envelope } from '../mail/envelope.ts'
import { worst } from '../mail/verdict.ts'
import type { DeliveryPlan, Hold } from '../spool/contract.ts'
import type { Planner } from './ports.ts'
import type { OpenTransaction } from './transaction.ts'

/**
 * What is to become of each recipient: where delivery would send it, unless a plugin holds or drops it.
 * A refusal here is one that the reply cannot say, because other recipients of the message were accepted.
 */
export function planAll(
  envelope: Envelope,
  open: OpenTransaction,
  outcome: Outcome,
  planner: Planner,
  now: number,
): readonly DeliveryPlan[] {
  return envelope.rcptTo.map((recipient) => {
    const plan = planner.plan(recipient, envelope)
    return decided(plan, worstOf(outcome, open.of(recipient)), open, { now, sensitive: envelope.sensitive === true })
  })
}

function worstOf(message: Outcome, recipient: Outcome | null): Outcome {
  if (recipient === null) return message
  return worst([message.verdict, recipient.verdict]) === message.verdict ? message : recipient
}

function decided(
  plan: DeliveryPlan,
  { verdict, plugin }: Outcome,
  open: OpenTransaction,
  { now, sensitive }: { now: number; sensitive: boolean },
): DeliveryPlan {
  if (verdict.action === 'discard') return { do: 'discard', reason: verdict.reason }
  if (verdict.action === 'continue' || verdict.action === 'tag' || plan.do === 'discard') return plan
  const { destination } = plan
  if (verdict.action === 'hold') return { do: 'hold', destination, hold: hold(verdict.reason, plugin, open, now) }
  const reason = `refused by ${plugin ?? ''}: ${verdict.reason}; others of the same message were accepted`
  const told = sensitive && !isQuotable(plugin) ? withheld(plugin) : verdict.reply.lines.join(' ')
  return { do: 'hold', destination, hold: { ...hold(reason, plugin, open, now), ...soon(open, now), told } }
}

/** Whose replies speak of recipients, and not of what a message holds. */
const isQuotable = (plugin: string | null): boolean => plugin === 'sensitive' || plugin === 'sensitive-review'

/** A reply goes back the way that the message came; a notice goes through the world, and names of files stand in replies. */
const withheld = (plugin: string | null): string =>
  `The check "${plugin ?? ''}" does not let this message pass. It is sensitive, so what was found is not repeated here`

function hold(reason: string, plugin: string | null, { peer }: OpenTransaction, now: number): Hold {
  const { deadlineMs, afterwards } = peer.policy.options.holds
  // biome-ignore lint/suspicious/noThenProperty: the contract's word for what happens at the deadline; never awaited by itself
  return { reason, owner: `plugin:${plugin ?? ''}`, until: now + deadlineMs, then: afterwards }
}

/** A client's sender is told at once. A sender from outside may be anybody: an operator looks first. */
const soon = ({ peer }: OpenTransaction, now: number): Partial<Hold> =>
  // biome-ignore lint/suspicious/noThenProperty: as above
  peer.client === null ? {} : { until: now, then: 'reject' }

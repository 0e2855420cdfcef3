import type { Outcome } from '../inspect/outcome.ts'
import type { Envelope } from '../mail/envelope.ts'
import { worst } from '../mail/verdict.ts'
import type { DeliveryPlan, Hold } from '../spool/contract.ts'
import type { Planner } from './ports.ts'
import type { OpenTransaction } from './transaction.ts'

/** What is to become of each recipient: where delivery would send it, unless a plugin holds or drops it. */
export function planAll(
  envelope: Envelope,
  open: OpenTransaction,
  outcome: Outcome,
  planner: Planner,
  now: number,
): readonly DeliveryPlan[] {
  return envelope.rcptTo.map((recipient) => {
    const plan = planner.plan(recipient, envelope)
    return decided(plan, worstOf(outcome, open.of(recipient)), open, now)
  })
}

function worstOf(message: Outcome, recipient: Outcome | null): Outcome {
  if (recipient === null) return message
  return worst([message.verdict, recipient.verdict]) === message.verdict ? message : recipient
}

function decided(plan: DeliveryPlan, { verdict, plugin }: Outcome, open: OpenTransaction, now: number): DeliveryPlan {
  if (verdict.action === 'discard') return { do: 'discard', reason: verdict.reason }
  if (verdict.action !== 'hold' || plan.do === 'discard') return plan
  const { deadlineMs, afterwards } = open.peer.policy.options.holds
  const owner = `plugin:${plugin ?? ''}`
  // biome-ignore lint/suspicious/noThenProperty: the contract's word for what happens at the deadline; never awaited by itself
  const hold: Hold = { reason: verdict.reason, owner, until: now + deadlineMs, then: afterwards }
  return { do: 'hold', destination: plan.destination, hold }
}

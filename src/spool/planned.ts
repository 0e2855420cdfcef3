import { prefixedContent } from '../mail/content.ts'
import type { QueueId } from '../mail/queue-id.ts'
import { writerOf } from './content/writer.ts'
import type { DeliveryPlan, Lease, NewMessage } from './contract.ts'

type Taken = Extract<DeliveryPlan, { do: 'deliver' }> & { readonly leaseUntil: number }

/** The leases that a message's plans took in its own commit: one per destination, content as it came. */
export function plannedLeases(queueId: QueueId, message: NewMessage, plans: readonly DeliveryPlan[]): Lease[] {
  const groups = new Map<string, { plan: Taken; indexes: number[] }>()
  plans.forEach((plan, index) => {
    if (!isTaken(plan)) return
    const group = groups.get(plan.destination)
    if (group === undefined) groups.set(plan.destination, { plan, indexes: [index] })
    else group.indexes.push(index)
  })
  if (groups.size === 0) return []
  const content =
    writerOf(message.content)?.withHead(message.prefix, message.content) ??
    prefixedContent(message.prefix, message.content)
  return [...groups.values()].map(({ plan, indexes }) => plannedLease(queueId, message, plan, indexes, content))
}

const isTaken = (plan: DeliveryPlan): plan is Taken => plan.do === 'deliver' && plan.leaseUntil !== null

function plannedLease(
  queueId: QueueId,
  { envelope, receivedAt, client }: NewMessage,
  { destination, leaseUntil }: Taken,
  indexes: readonly number[],
  content: Lease['content'],
): Lease {
  const rcptTo = envelope.rcptTo.filter((_, index) => indexes.includes(index))
  return {
    queueId,
    destination,
    receivedAt,
    client,
    envelope: { ...envelope, rcptTo },
    indexes,
    attempts: indexes.map(() => 0),
    lastReplies: indexes.map(() => null),
    content,
    leasedUntil: leaseUntil,
  }
}

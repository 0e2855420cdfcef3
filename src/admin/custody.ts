import type { TracedMessage, TracePage } from '../ledger/contract.ts'
import { FINAL_STATES, fatesOf } from '../mail/fate.ts'
import type { QueueId } from '../mail/queue-id.ts'
import type { QueueEntry } from '../spool/contract.ts'
import type { ApiTracedMessage, ApiTracePage } from './api.ts'
import type { AdminPorts } from './ports.ts'
import { toApiMessage, toApiTraced } from './shapes.ts'
import { withDeadlines } from './waiting.ts'

type CustodyPorts = Pick<AdminPorts, 'spool' | 'trace' | 'givesUpAt'>

/** A page of the record, joined with what the queue says of that which still waits. */
export async function tellPage(ports: CustodyPorts, { messages, next }: TracePage): Promise<ApiTracePage> {
  return { messages: await Promise.all(messages.map((message) => tellMessage(ports, message))), next }
}

/** The past from the record, the present from the queue. */
export async function tellMessage(ports: CustodyPorts, message: TracedMessage): Promise<ApiTracedMessage> {
  if (!mayWait(message)) return toApiTraced(message, null, null)
  // With a queue that does not answer the record still does
  const found = await ports.spool.show(message.queueId).catch(() => null)
  if (found !== null && isInQueue(message, found)) return joined(ports, message, found)
  // It may have come to its end between the two questions: then the record knows by now
  const latest = await again(ports, message)
  return found === null ? toApiTraced(latest, null, null) : joined(ports, latest, found)
}

/**
 * A message that the queue has and the record does not: it came a moment ago, or has waited for longer than the
 * record is kept. Null where neither has it, or the queue does not answer.
 */
export async function tellUnrecorded(ports: CustodyPorts, queueId: QueueId): Promise<ApiTracedMessage | null> {
  const found = await ports.spool.show(queueId).catch(() => null)
  if (found === null) return null
  const { client, sender, size, messageId } = found
  return joined(ports, { queueId, receivedAt: null, client, sender, size, messageId, entries: [] }, found)
}

function joined({ givesUpAt }: CustodyPorts, message: TracedMessage, found: QueueEntry): ApiTracedMessage {
  const { receivedAt, sender } = found
  const queue = withDeadlines(found, toApiMessage(found).recipients, givesUpAt)
  return toApiTraced(message, queue, givesUpAt?.(receivedAt, sender === '<>') ?? null)
}

/** Where the receipt is no longer on record, recipients may wait of whom nothing is. */
function mayWait({ entries }: TracedMessage): boolean {
  const isWhole = entries.some(({ event }) => event === 'received')
  return !isWhole || fatesOf(entries).some(({ state }) => !FINAL_STATES.has(state))
}

const isInQueue = ({ entries }: TracedMessage, { recipients }: QueueEntry): boolean =>
  fatesOf(entries).every(
    ({ index, state }) => FINAL_STATES.has(state) || recipients.some((recipient) => recipient.index === index),
  )

async function again({ trace }: CustodyPorts, message: TracedMessage): Promise<TracedMessage> {
  const { messages } = await trace.trace({ queueId: message.queueId }, { after: null, limit: 1 })
  return messages[0] ?? message
}

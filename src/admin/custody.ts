import type { TracedMessage, TracePage } from '../ledger/contract.ts'
import { FINAL_STATES, fatesOf } from '../mail/fate.ts'
import type { ApiTracedMessage, ApiTracePage } from './api.ts'
import type { AdminPorts } from './ports.ts'
import { toApiMessage, toApiTraced } from './shapes.ts'

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
  // It may have come to its end between the two questions: then the record knows by now
  if (found === null) return toApiTraced(await again(ports, message), null, null)
  const { receivedAt, sender } = found
  return toApiTraced(message, toApiMessage(found).recipients, ports.givesUpAt?.(receivedAt, sender === '<>') ?? null)
}

function mayWait({ entries }: TracedMessage): boolean {
  const fates = fatesOf(entries)
  return fates.length === 0 || fates.some(({ state }) => !FINAL_STATES.has(state))
}

async function again({ trace }: CustodyPorts, message: TracedMessage): Promise<TracedMessage> {
  const { messages } = await trace.trace({ queueId: message.queueId }, { after: null, limit: 1 })
  return messages[0] ?? message
}

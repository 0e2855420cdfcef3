import type { QueueEntry, QueuePage } from '../spool/contract.ts'
import type { ApiMessage, ApiQueuePage, ApiRecipient } from './api.ts'
import type { AdminPorts } from './ports.ts'
import { toApiMessage } from './shapes.ts'

type GivesUpAt = NonNullable<AdminPorts['givesUpAt']>

const CAUSES: Readonly<Record<ApiRecipient['state'], string>> = {
  pending: 'waiting for the first attempt',
  leased: 'an attempt is under way',
  held: 'a hold that cannot be read',
}

/**
 * What waits, as operators are told of it: never without a cause, and with the time by which something
 * happens to it, whoever does nothing.
 */
export function toWaiting(entry: QueueEntry, givesUpAt: GivesUpAt | undefined): ApiMessage {
  const message = toApiMessage(entry)
  const recipients = withDeadlines(entry, message.recipients, givesUpAt).map(
    (recipient): ApiRecipient => ({ ...recipient, cause: recipient.cause ?? CAUSES[recipient.state] }),
  )
  return { ...message, recipients }
}

/** With when each that is not held is given up: one that was released has a time of its own. */
export function withDeadlines(
  { receivedAt, sender, recipients: inQueue }: QueueEntry,
  recipients: readonly ApiRecipient[],
  givesUpAt: GivesUpAt | undefined,
): readonly ApiRecipient[] {
  const isNotice = sender === '<>'
  const end = givesUpAt?.(receivedAt, isNotice)
  if (end === undefined) return recipients
  return recipients.map((recipient, i) => {
    if (recipient.hold !== null) return recipient
    const at = new Date(Math.max(end, inQueue[i]?.triedUntil ?? 0)).toISOString()
    return { ...recipient, deadline: { at, afterwards: isNotice ? 'drop' : 'return' } }
  })
}

export const toWaitingPage = ({ entries, next }: QueuePage, givesUpAt: GivesUpAt | undefined): ApiQueuePage => ({
  messages: entries.map((entry) => toWaiting(entry, givesUpAt)),
  next,
})

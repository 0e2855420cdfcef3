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
  const { receivedAt, sender } = entry
  const isNotice = sender === '<>'
  const end = givesUpAt?.(receivedAt, isNotice)
  const message = toApiMessage(entry)
  const recipients = message.recipients.map((recipient): ApiRecipient => {
    const cause = recipient.cause ?? CAUSES[recipient.state]
    if (recipient.hold !== null || end === undefined) return { ...recipient, cause }
    return {
      ...recipient,
      cause,
      deadline: { at: new Date(end).toISOString(), afterwards: isNotice ? 'drop' : 'return' },
    }
  })
  return { ...message, recipients }
}

export const toWaitingPage = ({ entries, next }: QueuePage, givesUpAt: GivesUpAt | undefined): ApiQueuePage => ({
  messages: entries.map((entry) => toWaiting(entry, givesUpAt)),
  next,
})

import { parseDomain } from '../mail/address.ts'
import { formatQueueId, parseQueueId, type QueueId } from '../mail/queue-id.ts'
import type { QueueFilter } from '../spool/contract.ts'
import type { ApiFilter } from './api.ts'
import { badRequest } from './failure.ts'

/** A filter as it came over the socket, checked and made the spool's. Throws AdminFailure that names what is wrong. */
export function readFilter(filter: ApiFilter): QueueFilter {
  const { queueIds, state, domain, destination, client, sender, recipient, receivedBefore, receivedAfter } = filter
  return {
    ...(queueIds !== undefined && { queueIds: queueIds.map(readQueueId) }),
    ...(state !== undefined && { state }),
    ...(domain !== undefined && { domain: readDomain(domain) }),
    ...(destination !== undefined && { destination }),
    ...(client !== undefined && { client }),
    ...(sender !== undefined && { sender: withoutBrackets(sender) }),
    ...(recipient !== undefined && { recipient: withoutBrackets(recipient) }),
    ...(receivedBefore !== undefined && { before: readMoment(receivedBefore) }),
    ...(receivedAfter !== undefined && { after: readMoment(receivedAfter) }),
  }
}

/** A queue id as typed by a person, in its own form. */
export function readQueueId(text: string): QueueId {
  const id = parseQueueId(text.trim())
  if (id === null) throw badRequest(`${text} is no queue id: expected eleven letters and digits such as 00KX3T9A001.`)
  return formatQueueId(id)
}

export function readDomain(text: string): string {
  const domain = parseDomain(text)
  if (domain === null) throw badRequest(`${text} is no domain.`)
  return domain
}

/** `<a@b.example>` as people paste it becomes `a@b.example`; `<>` stays, it is the null reverse-path. */
export const withoutBrackets = (address: string): string => /^<(.+)>$/.exec(address)?.[1] ?? address

export function readMoment(text: string): number {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw badRequest(`${text} is no time: expected ISO 8601 such as 2026-11-22T13:00:00Z.`)
  return ms
}

/** Whether a filter selects the whole queue. */
export const selectsAll = (filter: QueueFilter): boolean => Object.keys(filter).length === 0

import { type Address, formatAddress } from '../mail/address.ts'
import { fieldsNamed, type Header } from '../mail/header.ts'
import { messageDate } from '../mail/trace.ts'
import type { Peer } from './checks.ts'
import type { Refusal } from './replies.ts'

/** What a header alone can make us refuse. */
export function checkHeader({ policy }: Peer, header: Header): Refusal | null {
  if (header.tooLarge) return policy.replies.headerTooLarge
  return isLooping(header, policy.options.hostname, policy.options.limits) ? policy.replies.loop : null
}

/** RFC 5321 section 6.3: loops are found by counting Received fields; our own tell sooner. */
function isLooping(header: Header, hostname: string, limits: { hops: number; ownHops: number }): boolean {
  const received = fieldsNamed(header, 'Received')
  if (received.length > limits.hops) return true
  if (received.length <= limits.ownHops) return false
  const by = ` by ${hostname} `
  return received.filter((field) => field.value.replace(/\s+/g, ' ').toLowerCase().includes(by)).length > limits.ownHops
}

const MAX_MESSAGE_ID = 998

/** The first Message-ID as it stands, for the trace. */
export function messageIdOf(header: Header): string | null {
  const value = fieldsNamed(header, 'Message-ID')[0]?.value
  return value === undefined || value === '' ? null : value.slice(0, MAX_MESSAGE_ID)
}

/** RFC 6409 section 8: a submission may lack Date and Message-ID. Devices leave out From as well. */
export function missingFields(
  header: Header,
  facts: { id: string; hostname: string; from: Address | null; now: number },
) {
  const lacks = (name: string) => fieldsNamed(header, name).length === 0
  const messageId = lacks('Message-ID') ? `<${facts.now.toString(36)}.${facts.id}@${facts.hostname}>` : null
  const from = facts.from !== null && lacks('From') ? formatAddress(facts.from) : null
  const fields =
    (lacks('Date') ? `Date: ${messageDate(facts.now)}\r\n` : '') +
    (from === null ? '' : `From: ${from}\r\n`) +
    (messageId === null ? '' : `Message-ID: ${messageId}\r\n`)
  return { fields, messageId }
}

import { type Address, addressKey, formatAddress } from '../mail/address.ts'
import type { Recipient } from '../mail/envelope.ts'
import { isPostmaster } from './addresses.ts'
import type { Policy } from './policy.ts'

/** RFC 5321 section 4.5.1: the server's own postmaster is reached from everywhere. */
export function isOurPostmaster(to: Address, { options: { hostname, postmaster, domains } }: Policy): boolean {
  return postmaster !== null && to.domain === hostname && !domains.has(hostname) && isPostmaster(to)
}

/** Whether this server itself reads what is sent there, whatever becomes of other mail to that domain. */
export const isOwnAddress = (to: Address, { options: { ownAddresses } }: Policy): boolean =>
  ownAddresses?.has(addressKey(to)) === true

/**
 * The recipients that a message goes to: our own postmaster is whoever the options name, and what
 * was given twice is delivered once, as the first one asked for it.
 */
export function finalRecipients(rcptTo: readonly Recipient[], policy: Policy): readonly Recipient[] {
  const [first] = rcptTo
  if (rcptTo.length === 1 && first !== undefined && !isOurPostmaster(first.address, policy)) return rcptTo
  const found = new Map<string, Recipient>()
  for (const recipient of rcptTo.map((each) => finalRecipient(each, policy))) {
    const key = formatAddress(recipient.address)
    if (!found.has(key)) found.set(key, recipient)
  }
  return [...found.values()]
}

/** Our own postmaster as whoever the options name; everybody else as they are. */
export function finalRecipient(recipient: Recipient, policy: Policy): Recipient {
  const { postmaster } = policy.options
  if (postmaster === null || !isOurPostmaster(recipient.address, policy)) return recipient
  // RFC 3461 section 5.2.2: whoever changes the address says what it was
  return {
    ...recipient,
    address: postmaster,
    orcpt: recipient.orcpt ?? `rfc822;postmaster@${policy.options.hostname}`,
  }
}

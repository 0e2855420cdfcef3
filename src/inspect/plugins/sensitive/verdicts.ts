import { formatAddress, isAscii } from '../../../mail/address.ts'
import type { Recipient } from '../../../mail/envelope.ts'
import { reply } from '../../../mail/reply.ts'
import type { Verdict } from '../../../mail/verdict.ts'
import type { SensitiveOptions } from './options.ts'

/** Names that a reply holds; RFC 5321 section 4.5.3.1.5 gives a line 512 octets. */
const MOST_NAMED = 5
const MOST_NAME = 60

/** Says whom the message cannot reach, and what to do. */
export function unserved(rcptTo: readonly Recipient[], { advice }: SensitiveOptions): Verdict {
  const line = `This message is marked as sensitive and cannot be sent securely to ${named(rcptTo)}`
  const reason = `sensitive, and neither a proven path nor a certificate for ${counted(rcptTo.length)}`
  return { action: 'reject', reason, reply: reply(550, '5.7.1', line, advice) }
}

function named(rcptTo: readonly Recipient[]): string {
  const names = rcptTo
    .map(({ address }) => formatAddress(address))
    .filter((name) => isAscii(name) && name.length <= MOST_NAME)
  const shown = names.slice(0, MOST_NAMED)
  const more = rcptTo.length - shown.length
  if (shown.length === 0) return counted(rcptTo.length)
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

const counted = (n: number): string => (n === 1 ? 'a recipient' : `${n} recipients`)

export function crowded(rcptTo: readonly Recipient[], { maxEncrypted }: SensitiveOptions): Verdict {
  const line = `This message is sensitive and would be encrypted for ${rcptTo.length} recipients, more than ${maxEncrypted}`
  return {
    action: 'reject',
    reason: `sensitive, and over ${maxEncrypted} recipients to encrypt for`,
    reply: reply(550, '5.5.3', line, 'Send it to fewer at a time'),
  }
}

export function tooLarge({ largest }: SensitiveOptions): Verdict {
  const line = `This message is sensitive, and more than the ${largest} bytes that can be encrypted`
  return {
    action: 'reject',
    reason: `sensitive, and over ${largest} bytes to encrypt`,
    reply: reply(552, '5.3.4', line, 'Send less at a time'),
  }
}

/** Nobody could look at what was encrypted, and no scanner could look again before it goes out. */
export const NOT_HELD: Verdict = {
  action: 'reject',
  reason: 'it would be held, and is to be encrypted, so that nobody could look at it',
  reply: reply(
    550,
    '5.7.1',
    'A check would hold this message for a person to look at, which cannot be done with one that is to be encrypted',
    'Ask the postmaster what to do about it',
  ),
}

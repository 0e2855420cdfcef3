import type { Envelope } from '../mail/envelope.ts'
import type { PathQuestion } from '../transport/contract.ts'

/** What a message itself asks of its path, whatever the domain that it goes to does. */
export type Need = PathQuestion['need']

/**
 * A message that is sensitive and requires TLS is sensitive: that asks for more, and REQUIRETLS is said
 * to the next hop all the same. Bounces need not keep REQUIRETLS (RFC 8689 section 5).
 */
export function needOf({ sensitive, requireTls, mailFrom }: Envelope): Need {
  if (sensitive === true) return 'sensitive'
  return requireTls && mailFrom !== null ? 'requiretls' : 'none'
}

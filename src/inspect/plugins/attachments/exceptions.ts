import type { MessageView } from '../../plugin.ts'
import { authenticationFacts } from '../authentication/facts.ts'
import type { DomainSet } from '../tagline/domains.ts'
import type { Check } from './findings.ts'

/** For which mail some checks do not count. All that is given must match. */
export interface Exception {
  /** Names of registered clients, `*` for the outside world. Null: any. */
  readonly clients: ReadonlySet<string> | null
  /** Of the reverse-path. */
  readonly senders: DomainSet | null
  /** Every recipient must be in one. */
  readonly recipients: DomainSet | null
  readonly of: readonly Check[]
}

/** The checks that do not count for this message. */
export function exceptedChecks(exceptions: readonly Exception[], message: MessageView): ReadonlySet<Check> {
  return new Set(exceptions.filter((each) => applies(each, message)).flatMap(({ of }) => of))
}

function applies({ clients, senders, recipients }: Exception, message: MessageView): boolean {
  const { session, rcptTo } = message
  if (clients !== null && !clients.has(session.client ?? '*')) return false
  if (senders !== null && !isFrom(senders, message)) return false
  if (recipients === null) return true
  return rcptTo.length > 0 && rcptTo.every(({ address }) => recipients.has(address.domain))
}

function isFrom(senders: DomainSet, message: MessageView): boolean {
  const domain = message.mailFrom?.domain
  if (domain === undefined || !senders.has(domain)) return false
  return message.session.client !== null || isProved(domain, message)
}

/** Anybody can write any reverse-path: from outside it counts only where SPF or a signature of that domain proves it. */
function isProved(domain: string, { results }: MessageView): boolean {
  const facts = authenticationFacts(results)
  if (facts === null) return false
  const { spf, dkim } = facts
  if (spf?.result === 'pass' && spf.identity === 'mailfrom' && spf.domain.toLowerCase() === domain) return true
  return dkim.some((signature) => signature.result === 'pass' && signature.domain === domain)
}

import { spf } from 'mailauth/lib/spf/index.js'
import { formatAddress } from '../../../mail/address.ts'
import type { Resolver } from '../../../net/dns.ts'
import type { MessageView, SessionView } from '../../plugin.ts'
import { askBy } from './dns-bridge.ts'

export interface SpfFact {
  /** RFC 7208 section 2.6. */
  readonly result: string
  /** The domain that was asked. */
  readonly domain: string
  readonly identity: 'mailfrom' | 'helo'
}

/** Whose mail is asked about. */
interface Asked extends Pick<MessageView, 'mailFrom'> {
  readonly session: Pick<SessionView, 'remoteAddress' | 'helo'>
}

// RFC 7208 section 4.6.4
const MAX_LOOKUPS = 10
const MAX_VOID = 2

/**
 * Checks the reverse-path's domain, or where that is null the HELO name (RFC 7208 section 2.4),
 * with mailauth in its strict mode. Never rejects: what goes wrong is `temperror`.
 */
export async function checkSpf({ session, mailFrom }: Asked, hostname: string, resolver: Resolver): Promise<SpfFact> {
  const identity = mailFrom === null ? 'helo' : 'mailfrom'
  const helo = session.helo ?? ''
  const { status, domain } = await spf({
    sender: mailFrom === null ? '' : formatAddress(mailFrom),
    ip: session.remoteAddress,
    helo,
    mta: hostname,
    resolver: askBy(resolver),
    strict: true,
    maxResolveCount: MAX_LOOKUPS,
    maxVoidCount: MAX_VOID,
  })
  return { result: status.result, domain, identity }
}

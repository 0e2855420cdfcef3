import type { Verdict } from '../../../mail/verdict.ts'
import type { MessageView, Mode } from '../../plugin.ts'
import type { Findings } from './results.ts'

/** Who is told what DMARC found of messages, for aggregate reports (RFC 7489 section 7.2). Never throws, never waits. */
export interface DmarcObservations {
  add(observation: DmarcObservation): void
}

/** One message whose author's domain asks for aggregate reports. Domains in lower case. */
export interface DmarcObservation {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly sourceIp: string
  /** The author's domain. */
  readonly headerFrom: string
  /** Empty for the null reverse-path. */
  readonly envelopeFrom: string
  /** Domain of the first recipient. */
  readonly envelopeTo: string | null
  readonly published: PublishedPolicy
  /** What this plugin did about it; others may have done more. */
  readonly disposition: 'none' | 'quarantine' | 'reject'
  /** Why that is not what the policy asks for. */
  readonly override: { readonly type: string; readonly comment: string } | null
  readonly dkimAligned: boolean
  readonly spfAligned: boolean
  readonly dkim: readonly { readonly domain: string; readonly selector: string; readonly result: string }[]
  readonly spf: { readonly domain: string; readonly scope: 'mfrom' | 'helo'; readonly result: string } | null
}

/** The policy that was found, and at which domain. */
export interface PublishedPolicy {
  readonly domain: string
  readonly p: string
  readonly sp: string
  readonly adkim: string
  readonly aspf: string
  readonly pct: number
}

/**
 * What is to be reported of a message; null where its domain asks for no reports, and for one that was put off, as it
 * will come again.
 */
export function observationOf(
  message: Pick<MessageView, 'session' | 'mailFrom' | 'rcptTo'>,
  { spf, verified, dmarc, published, override }: Findings,
  verdict: Verdict,
  { at, mode }: { readonly at: number; readonly mode: Mode },
): DmarcObservation | null {
  if (dmarc === null || dmarc.from === null || published === null || verdict.action === 'defer') return null
  const disposition = mode === 'enforce' ? dispositionOf(verdict) : 'none'
  const isAsAsked = dmarc.result === 'pass' || disposition === dmarc.policy
  const comment = override === 'arc' ? 'arc=pass' : (override ?? '')
  return {
    at,
    sourceIp: message.session.remoteAddress,
    headerFrom: dmarc.from.toLowerCase(),
    envelopeFrom: message.mailFrom?.domain ?? '',
    envelopeTo: message.rcptTo[0]?.address.domain ?? null,
    published,
    disposition,
    override: isAsAsked ? null : { type: 'local_policy', comment },
    dkimAligned: dmarc.by.includes('dkim'),
    spfAligned: dmarc.by.includes('spf'),
    dkim: verified.dkim.map(({ domain, selector, result }) => ({ domain, selector, result })),
    spf:
      spf === null
        ? null
        : { domain: spf.domain, scope: spf.identity === 'helo' ? 'helo' : 'mfrom', result: spf.result },
  }
}

function dispositionOf({ action }: Verdict): DmarcObservation['disposition'] {
  if (action === 'reject') return 'reject'
  return action === 'hold' ? 'quarantine' : 'none'
}

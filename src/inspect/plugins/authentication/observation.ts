import type { DmarcObservation } from '../../../mail/dmarc.ts'
import type { Verdict } from '../../../mail/verdict.ts'
import type { MessageView, Mode } from '../../plugin.ts'
import type { Findings } from './results.ts'

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

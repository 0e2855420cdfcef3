import { reply } from '../../../mail/reply.ts'
import { CONTINUE, type Verdict, worst } from '../../../mail/verdict.ts'
import { act } from '../../action.ts'
import type { SessionView } from '../../plugin.ts'
import type { DmarcFact } from './dmarc.ts'
import type { AuthenticationOptions, OnFailure } from './options.ts'
import type { Findings } from './results.ts'
import type { ArcFact } from './verify-job.ts'

const NAME = 'authentication'

/** Why a DMARC failure is not held against a message, or null. */
export function overrideOf(
  { exceptDomains, exceptClients, trustedSealers }: AuthenticationOptions,
  { client }: SessionView,
  dmarc: DmarcFact,
  arc: ArcFact,
): string | null {
  if (dmarc.result === 'pass' || dmarc.result === 'none') return null
  if (client !== null && exceptClients.includes(client)) return 'client'
  if (dmarc.from === null) return null
  const from = dmarc.from.toLowerCase()
  if (exceptDomains.some((domain) => (domain.startsWith('.') ? from.endsWith(domain) : from === domain)))
    return 'domain'
  return isVouchedFor(from, arc, trustedSealers) ? 'arc' : null
}

/**
 * RFC 8617 section 7.2.1: a whole chain of sealers that we trust, the first of whom saw DMARC pass
 * for this very author's domain.
 */
function isVouchedFor(from: string, arc: ArcFact, trusted: readonly string[]): boolean {
  if (arc.result !== 'pass' || arc.dmarc !== 'pass' || arc.from !== from) return false
  return arc.sealers.length > 0 && arc.sealers.every((sealer) => trusted.includes(sealer))
}

/** What is done about a message. */
export function verdictOn(options: AuthenticationOptions, findings: Findings): Verdict {
  return worst([onDmarc(options, findings), onSpf(options, findings)])
}

function onDmarc(options: AuthenticationOptions, findings: Findings): Verdict {
  const { dmarc, override } = findings
  if (dmarc === null || override !== null || dmarc.result === 'pass' || dmarc.result === 'none') return CONTINUE
  if (dmarc.result === 'permerror') return unclear(options.unclearAuthor)
  if (dmarc.result === 'temperror') return undecided(options, findings)
  const action = actionFor(options, dmarc)
  // what could not be asked might have passed
  if (action !== 'off' && action !== 'tag' && hasTemperror(findings)) return undecided(options, findings)
  return failed(action, dmarc)
}

function actionFor({ dmarcReject, dmarcQuarantine }: AuthenticationOptions, { policy }: DmarcFact): OnFailure {
  if (policy === 'none') return 'off'
  return policy === 'reject' ? dmarcReject : dmarcQuarantine
}

const hasTemperror = ({ spf, verified }: Findings): boolean =>
  spf?.result === 'temperror' || verified.dkim.some(({ result }) => result === 'temperror')

function failed(action: OnFailure, { from, policy }: DmarcFact): Verdict {
  const reason = `DMARC failed for ${from}, which asks for ${policy}`
  if (action === 'off') return CONTINUE
  if (action !== 'reject') return act(NAME, action, { reason, enhanced: '5.7.26', text: reason })
  // RFC 7372 section 3.3
  const text = `The sender of this message could not be proved: neither SPF nor DKIM pass for ${from} (DMARC)`
  return { action, reason, reply: reply(550, '5.7.26', text) }
}

function unclear(action: OnFailure): Verdict {
  const reason = 'From has no author domain, or several'
  if (action === 'off') return CONTINUE
  return act(NAME, action, { reason, enhanced: '5.7.1', text: 'The From field must name authors of one domain' })
}

/** RFC 7372 section 3.2 has a code for SPF; for the rest it is the directory, RFC 3463 section 3.5. */
function undecided({ temperror }: AuthenticationOptions, { spf, dmarc }: Findings): Verdict {
  if (temperror === 'continue') return CONTINUE
  const reason = `the DNS did not answer what is needed to prove ${dmarc?.from ?? 'the sender'}`
  const text = 'The sender could not be proved just now, as the DNS did not answer; try again later'
  const code = spf?.result === 'temperror' && dmarc?.result !== 'temperror' ? '4.7.24' : '4.4.3'
  return { action: 'defer', reason, reply: reply(451, code, text) }
}

function onSpf(options: AuthenticationOptions, { spf }: Findings): Verdict {
  if (spf?.result !== 'fail' || options.spfFail === 'off') return CONTINUE
  const reason = `SPF failed for ${spf.domain}`
  if (options.spfFail !== 'reject') return act(NAME, options.spfFail, { reason, enhanced: '5.7.23', text: reason })
  // RFC 7372 section 3.2
  const text = `${spf.domain} says that it sends no mail from this address (SPF)`
  return { action: 'reject', reason, reply: reply(550, '5.7.23', text) }
}

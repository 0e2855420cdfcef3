import type { AuthenticationFacts } from '../../inspect/plugins/authentication/facts.ts'
import { type AuthenticationOptions, parseAuthenticationOptions } from '../../inspect/plugins/authentication/options.ts'
import { overrideOf, verdictOn } from '../../inspect/plugins/authentication/policy.ts'
import type { Findings } from '../../inspect/plugins/authentication/results.ts'
import { CONTINUE } from '../../mail/verdict.ts'
import { type Case, CUT, isCut, type Judge, type Judgement, NOT_ASKED, resultOf, sessionOf } from './case.ts'

/** What SPF, DKIM and DMARC said, by another policy. */
export function authenticationJudge(raw: unknown): Judge {
  const options = parseAuthenticationOptions(raw)
  return (of, isSame): Judgement => {
    const result = resultOf(of.recorded, 'authentication', 'data')
    if (result === null) return { unknown: NOT_ASKED }
    if (isCut(result)) return { unknown: CUT }
    if (!options.directions.includes(of.direction)) return { verdict: CONTINUE }
    // made by its own factsOf, and kept as plain data since
    const facts = result.facts as unknown as Partial<AuthenticationFacts>
    if (facts.dkim === undefined) return { unknown: result.failed ? 'it failed then' : NOT_ASKED }
    return judged(options, of, { ...facts, by: '', dkim: facts.dkim }, isSame)
  }
}

function judged(options: AuthenticationOptions, of: Case, facts: AuthenticationFacts, isSame: boolean): Judgement {
  const isChecked = of.client === null || options.checkClients
  if (isChecked && facts.dmarc === undefined) return { unknown: NOT_ASKED }
  if (!isChecked) return { verdict: CONTINUE }
  const { spf = null, dmarc = null } = facts
  const arc = arcOf(facts)
  const override = dmarc === null ? null : overrideOf(options, sessionOf(of), dmarc, arc)
  if (!isSame && override === null && mayBeVouchedFor(options, facts))
    return { unknown: 'trustedSealers: what the first sealer saw is not on record' }
  const verified = { dkim: facts.dkim.map((each) => ({ ...each, info: '' })), ignored: 0, arc, from: [], fromFields: 1 }
  const findings: Findings = { spf, verified, dmarc, dmarcInfo: null, published: null, override }
  return { verdict: verdictOn(options, findings) }
}

/** A chain that was believed then held what was asked of it. */
function arcOf({ arc, dmarc, override }: AuthenticationFacts): Findings['verified']['arc'] {
  const sealers = arc?.sealers ?? []
  const isBelieved = override === 'arc' && dmarc?.from
  const rest = { comment: null, instance: arc?.instance ?? 0, sealers }
  if (!isBelieved) return { ...rest, result: 'none', dmarc: null, from: null }
  return { ...rest, result: 'pass', dmarc: 'pass', from: isBelieved.toLowerCase() }
}

function mayBeVouchedFor(
  { trustedSealers }: AuthenticationOptions,
  { arc, dmarc, override }: AuthenticationFacts,
): boolean {
  if (dmarc === undefined || dmarc.result === 'pass' || dmarc.result === 'none' || override === 'arc') return false
  return arc?.result === 'pass' && arc.sealers.length > 0 && arc.sealers.every((each) => trustedSealers.includes(each))
}

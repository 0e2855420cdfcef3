import { parseVirusOptions, type VirusOptions } from '../../inspect/plugins/virus/options.ts'
import type { PluginFact } from '../../mail/custody.ts'
import { reply } from '../../mail/reply.ts'
import { CONTINUE, type Verdict } from '../../mail/verdict.ts'
import { CUT, isCut, type Judge, type Judgement, NOT_ASKED, resultOf } from './case.ts'

/** What the scanner found, by other actions. */
export function virusJudge(raw: unknown): Judge {
  const options = parseVirusOptions(raw)
  return ({ recorded }): Judgement => {
    const result = resultOf(recorded, 'virus', 'data')
    if (result === null) return { unknown: NOT_ASKED }
    if (isCut(result)) return { unknown: CUT }
    if (result.verdict === 'continue') return { verdict: CONTINUE }
    return typeof result.facts.virus === 'string'
      ? infected(options, result, result.facts.virus)
      : notScanned(options, result)
  }
}

function infected({ action, tellName }: VirusOptions, { facts }: PluginFact, virus: string): Judgement {
  const reason = `virus ${virus}`
  if (action === 'hold') return { verdict: { action, reason } }
  if (action === 'remove') {
    const isRemovable = facts.removed !== undefined
    if (!isRemovable) return { unknown: 'whether the virus can be removed is not on record' }
    return { verdict: { action: 'tag', reason, fields: [] } }
  }
  const refusal = reply(554, '5.7.1', `The message holds a virus${tellName ? ` (${virus})` : ''}`)
  return { verdict: { action: 'reject', reason, reply: refusal } }
}

/** Of a failure only its text is on record. */
const LIMIT = /Heuristics\.Limits\.Exceeded|size limit exceeded/i

function notScanned({ unavailable, overLimits }: VirusOptions, { reason: told }: PluginFact): Judgement {
  const reason = told ?? 'not scanned for viruses'
  const action = LIMIT.test(reason) ? overLimits : unavailable
  const verdict: Verdict =
    action === 'hold'
      ? { action, reason }
      : { action, reason, reply: action === 'reject' ? reply(554, '5.7.1', reason) : reply(451, '4.7.1', reason) }
  return { verdict }
}

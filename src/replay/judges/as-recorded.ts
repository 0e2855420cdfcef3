import type { PluginFact } from '../../mail/custody.ts'
import { type Reply, reply } from '../../mail/reply.ts'
import { CONTINUE, type Verdict } from '../../mail/verdict.ts'
import { type Judge, type Judgement, NOT_ASKED } from './case.ts'

/** A plugin whose findings only the content can give anew: what it said then stands, unless its options changed. */
export function asRecorded(name: string): Judge {
  return ({ recorded }, isSame): Judgement => {
    const results = recorded.inspection.filter(({ plugin }) => plugin === name)
    if (results.length === 0) return { unknown: NOT_ASKED }
    if (!isSame) return { unknown: 'its options changed, and what they make of the content cannot be told' }
    return { verdict: worstRecorded(results) }
  }
}

/** Plugins that change messages and refuse none. */
export const never: Judge = () => ({ verdict: CONTINUE })

const SEVERITY = ['continue', 'tag', 'hold', 'discard', 'defer', 'reject']

/** The worst of what a plugin said at its hooks. */
export function worstRecorded(results: readonly PluginFact[]): Verdict {
  const [worst] = results.toSorted((a, b) => SEVERITY.indexOf(b.verdict) - SEVERITY.indexOf(a.verdict))
  return worst === undefined ? CONTINUE : verdictOf(worst)
}

function verdictOf({ verdict, reason: told }: PluginFact): Verdict {
  const reason = told ?? 'no reason is on record'
  if (verdict === 'tag') return { action: 'tag', reason, fields: [] }
  if (verdict === 'hold' || verdict === 'discard') return { action: verdict, reason }
  if (verdict === 'reject') return { action: 'reject', reason, reply: standIn(554, '5.7.1', reason) }
  // an unknown word of a newer version is no leave to go on
  return verdict === 'continue' ? CONTINUE : { action: 'defer', reason, reply: standIn(451, '4.7.1', reason) }
}

/** The very reply of a plugin that did not refuse is not on record. */
const standIn = (code: number, enhanced: string, reason: string): Reply => reply(code, enhanced, reason)

import { isDeepStrictEqual } from 'node:util'
import type { MessageView } from '../../inspect/plugin.ts'
import { exceptedChecks } from '../../inspect/plugins/attachments/exceptions.ts'
import { CHECKS, type Check, type Findings, type Found } from '../../inspect/plugins/attachments/findings.ts'
import { type AttachmentsOptions, parseAttachmentsOptions } from '../../inspect/plugins/attachments/options.ts'
import { verdictOn } from '../../inspect/plugins/attachments/policy.ts'
import type { Facts } from '../../mail/custody.ts'
import { CUT, isCut, type Judge, type Judgement, NOT_ASKED, resultOf, viewOf } from './case.ts'

/** What was found in attached files, by other actions. `inForce`: the options that it was found by; null: there are none. */
export function attachmentsJudge(raw: unknown, inForce: unknown): Judge {
  const options = parseAttachmentsOptions(raw)
  const looksAlike = inForce !== null && isSameSearch(options, parseAttachmentsOptions(inForce))
  return (of): Judgement => {
    const result = resultOf(of.recorded, 'attachments', 'data')
    if (result === null) return { unknown: NOT_ASKED }
    if (isCut(result) || result.failed) return { unknown: isCut(result) ? CUT : 'it failed then' }
    if (!looksAlike) return { unknown: 'it looks for something else now, and cannot without the content' }
    // of a message it uses what is made here
    const excepted = exceptedChecks(options.exceptions, viewOf(of) as MessageView)
    return { verdict: verdictOn(options.policy, findingsIn(result.facts), excepted) }
  }
}

const isSameSearch = (a: AttachmentsOptions, b: AttachmentsOptions): boolean =>
  isDeepStrictEqual(a.examination, b.examination) && a.maxMessage === b.maxMessage

type Counts = Record<Check, number>

function findingsIn({ counts, found }: Facts): Findings {
  const written = typeof counts === 'object' && counts !== null ? (counts as Partial<Counts>) : {}
  const all = Object.fromEntries(CHECKS.map((check) => [check, Number(written[check] ?? 0)])) as Counts
  const listed = Array.isArray(found) ? (found as readonly Partial<Found>[]) : []
  const present = CHECKS.filter((check) => all[check] > 0)
  return { parts: 0, files: [], counts: all, found: present.map((check) => foundOf(check, listed)) }
}

/** Lists are cut where there is no room for them; counts never are. */
function foundOf(check: Check, listed: readonly Partial<Found>[]): Found {
  const { format = 'a file', why = 'more is not on record' } = listed.find((each) => each.check === check) ?? {}
  return { check, path: null, format, why, reason: `${format}: ${why}` }
}

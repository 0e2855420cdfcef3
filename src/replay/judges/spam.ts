import type { Opinion } from '../../inspect/plugins/spam/opinion.ts'
import { parseSpamOptions, type SpamOptions } from '../../inspect/plugins/spam/options.ts'
import { judge } from '../../inspect/plugins/spam/spam.ts'
import { reply } from '../../mail/reply.ts'
import type { Verdict } from '../../mail/verdict.ts'
import { CUT, isCut, type Judge, type Judgement, NOT_ASKED, resultOf } from './case.ts'

const NAME = 'spam'

/** The score that the scanner gave, by other thresholds. */
export function spamJudge(raw: unknown): Judge {
  const options = parseSpamOptions(raw)
  return ({ recorded }): Judgement => {
    const result = resultOf(recorded, NAME, 'data')
    if (result === null) return { unknown: NOT_ASKED }
    if (isCut(result)) return { unknown: CUT }
    if ((recorded.size ?? 0) > options.largest) return { verdict: unscanned(`larger than ${options.largest} bytes`) }
    const { score } = result.facts
    if (typeof score === 'number')
      return { verdict: judge(options, { score, symbols: [], wants: wantsIn(result.reason) }) }
    if (result.failed) return { verdict: unavailable({ ...options, unavailable: 'defer' }) }
    if (/larger than \d+ bytes$/.test(result.reason ?? '')) return { unknown: 'it was too large to be scanned then' }
    return { verdict: unavailable(options) }
  }
}

/** What the scanner asked for besides its score stands in the reason alone. */
function wantsIn(reason: string | null): Opinion['wants'] {
  if (reason === null) return null
  if (reason.endsWith('the scanner asks to keep it')) return 'hold'
  if (reason === 'greylisted') return 'greylist'
  return reason === 'the scanner asks to defer it' ? 'defer' : null
}

const unscanned = (why: string): Verdict => ({ action: 'tag', reason: `not scanned for spam: ${why}`, fields: [] })

function unavailable({ unavailable: action }: Pick<SpamOptions, 'unavailable'>): Verdict {
  const reason = 'not scanned for spam: the scanner did not answer'
  if (action === 'accept') return unscanned('the scanner did not answer')
  if (action === 'hold') return { action, reason }
  return { action, reason, reply: reply(451, '4.7.1', 'The message could not be checked just now; try again later') }
}

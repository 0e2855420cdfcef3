import type { HeaderPair } from '../../outcome.ts'
import type { Opinion } from './opinion.ts'

/** The fields that we give, and their like, which programs further on trust as well. */
export const OWN_FIELDS: readonly string[] = [
  'X-Spam-Status',
  'X-Spam-Score',
  'X-Spam-Symbols',
  'X-Spam-Flag',
  'X-Spam-Level',
  'X-Spam',
]

export const FLAG: HeaderPair = ['X-Spam-Flag', 'YES']

/** In the form that SpamAssassin made common, so that rules further on understand it. */
export function opinionFields({ score, symbols }: Opinion, tag: number | null): readonly HeaderPair[] {
  const spam = tag !== null && score >= tag
  const required = tag === null ? '' : ` required=${tag.toFixed(2)}`
  const names = symbols.map(({ name, score }) => (score === null ? name : `${name}(${score.toFixed(2)})`))
  return [
    ['X-Spam-Status', `${spam ? 'Yes' : 'No'}, score=${score.toFixed(2)}${required}`],
    ['X-Spam-Score', score.toFixed(2)],
    ...(names.length === 0 ? [] : [['X-Spam-Symbols', names.join(' ')] as const]),
  ]
}

/** For mail that nobody looked at. */
export const notScannedField = (why: string): HeaderPair => ['X-Spam-Status', `Unknown, not scanned (${why})`]

import { type Handling, handlingOf } from '../../inspect/plugins/sensitive/handling.ts'
import type { Mark } from '../../inspect/plugins/sensitive/marks.ts'
import { parseSensitiveOptions, type SensitiveOptions } from '../../inspect/plugins/sensitive/options.ts'
import { crowded, tooLarge, unserved } from '../../inspect/plugins/sensitive/verdicts.ts'
import type { Services } from '../../inspect/services.ts'
import type { PluginFact } from '../../mail/custody.ts'
import { CONTINUE } from '../../mail/verdict.ts'
import { type Case, type Judge, type Judgement, NOT_ASKED, resultOf } from './case.ts'

export type SensitiveServices = Required<Pick<Services, 'secureDomains' | 'provenRoute' | 'sensitiveClients'>>

/** What was marked as sensitive, by another register and other clients. */
export function sensitiveJudge(raw: unknown, services: SensitiveServices): Judge {
  const options = parseSensitiveOptions(raw)
  return (of, isSame): Judgement => {
    if (of.client === null) return { verdict: CONTINUE }
    const result = resultOf(of.recorded, 'sensitive', 'data')
    const mark = markOf(of.client, result, services, isSame)
    if (typeof mark === 'object') return mark ?? { verdict: CONTINUE }
    return handled(options, of, mark, result, services)
  }
}

const MARKS: readonly unknown[] = ['client', 'subject', 'header']

/** Null: it bears none. */
function markOf(
  client: string,
  result: PluginFact | null,
  { sensitiveClients }: SensitiveServices,
  isSame: boolean,
): Mark | null | { readonly unknown: string } {
  if (sensitiveClients.has(client)) return 'client'
  if (result === null) return { unknown: NOT_ASKED }
  const { marked } = result.facts
  // what the message bore besides was not looked at
  if (marked === 'client') return { unknown: 'whether the message itself bears a mark is not on record' }
  if (!isSame) return { unknown: 'its options changed, and what they make of the content cannot be told' }
  return MARKS.includes(marked) ? (marked as Mark) : null
}

/** Whom certificates are known of is not asked: who had one then has one still. */
function handled(
  options: SensitiveOptions,
  { recorded, recipient }: Case,
  mark: Mark,
  result: PluginFact | null,
  services: SensitiveServices,
): Judgement {
  const to = { address: recipient.address, notify: null, orcpt: null }
  const was = result?.facts.handling
  const certificates = { find: () => (was === 'encrypt' || was === 'crowd' ? [{ fingerprint: '', pem: '' }] : []) }
  const { does }: Handling = handlingOf(to, mark, { ...services, certificates } as unknown as Services)
  if (does === 'proven' || does === 'ordinary') return { verdict: CONTINUE }
  if (was === 'crowd') return { verdict: crowded([to], options) }
  if (does === 'encrypt') return { verdict: (recorded.size ?? 0) > options.largest ? tooLarge(options) : CONTINUE }
  if (was === 'unserved') return { verdict: unserved([to], options) }
  return { unknown: 'no path to the recipient is proven, and whether a certificate is known is not on record' }
}

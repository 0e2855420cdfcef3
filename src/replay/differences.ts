import type { Fate } from './fate.ts'

/** What differs: `fate` whether it is taken, `client` whom it is from, `marks` and `content` what plugins add, `route` and `path` how it goes on. */
export type Kind = 'fate' | 'client' | 'marks' | 'content' | 'route' | 'path'

/** One difference for one recipient. */
export interface Difference {
  readonly kind: Kind
  readonly from: string
  readonly to: string
  /** The client that it is from; null where that makes no difference, or from outside. */
  readonly client: string | null
  /** In the words of the rule, of this message alone: a reply, or a reason. */
  readonly why: string | null
}

/** What another configuration changes for one recipient. Empty where nothing. */
export function differencesOf(before: Fate, after: Fate): Difference[] {
  if (isOtherFate(before, after)) return [fateDifference(before, after)]
  if (isEnded(before)) return []
  return [
    ...differing('client', before.client ?? 'outside', after.client ?? 'outside'),
    ...differing('marks', listed(before.marks), listed(after.marks)),
    ...differing('content', listed(before.changes), listed(after.changes)),
    ...differing('route', before.route, after.route),
    ...differing('path', before.path, after.path),
  ]
}

/** Refused then and now is the same to a sender, by whatever rule. */
function isOtherFate(before: Fate, after: Fate): boolean {
  if (before.outcome !== after.outcome) return true
  return before.outcome === 'held' && (before.rule !== after.rule || before.hold !== after.hold)
}

const isEnded = ({ outcome }: Fate): boolean => outcome !== 'accepted' && outcome !== 'held'

function fateDifference(before: Fate, after: Fate): Difference {
  const client = after.client ?? before.client
  return { kind: 'fate', from: inWords(before), to: inWords(after), client, why: after.why ?? before.why }
}

/** `accepted`, `held by plugin spam for 5d, then reject`, `refused: sender (550 5.7.1)`. */
export function inWords({ outcome, rule, code, hold }: Fate): string {
  if (rule === null) return outcome
  if (outcome === 'held') return `held by ${rule} ${hold ?? ''}`.trimEnd()
  return `${outcome}: ${rule}${code === null ? '' : ` (${code})`}`
}

const listed = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '))

const differing = (kind: Kind, from: string, to: string): Difference[] =>
  from === to ? [] : [{ kind, from, to, client: null, why: null }]

import { type Reply, replyText } from '../mail/reply.ts'
import type { Verdict } from '../mail/verdict.ts'
import { type Admission, admit, clientOf } from './admission.ts'
import type { Fate, Outcome } from './fate.ts'
import { type Inspection, inspect, UNINSPECTED } from './inspection.ts'
import { Ways } from './path.ts'
import type { Recorded } from './recorded.ts'
import type { World } from './world.ts'

const OUTCOMES = {
  continue: 'accepted',
  tag: 'accepted',
  hold: 'held',
  discard: 'discarded',
  defer: 'deferred',
  reject: 'refused',
} as const satisfies Readonly<Record<Verdict['action'], Outcome>>

/** Judges recorded messages by one configuration, without network and without a memory of earlier ones. */
export class Evaluator {
  readonly #world: World
  readonly #ways: Ways
  readonly #hold: string

  constructor(world: World) {
    const { deadlineMs, afterwards } = world.options.accept.holds
    this.#world = world
    this.#ways = new Ways(world)
    this.#hold = `for ${spanInWords(deadlineMs)}, then ${afterwards}`
  }

  /** Of each recipient, in the order of the record. */
  fates(recorded: Recorded): Fate[] {
    const client = clientOf(this.#world, recorded)?.name ?? null
    return recorded.recipients.map((recipient, index) => {
      const admission = admit(this.#world, recorded, index, recipient)
      const isTaken = admission.refusal === null && !recorded.own
      const inspection = isTaken ? inspect(this.#world, recorded, recipient, client) : UNINSPECTED
      const base = admission.refusal === null ? this.#inspected(inspection) : refused(admission.refusal)
      const way = isEnded(base.outcome) ? NOWHERE : this.#ways.of(recipient.address.domain)
      const { marks, changes } = isEnded(base.outcome) ? UNINSPECTED : inspection
      return { ...base, client, marks, changes, ...way, unknown: unknownOf(admission, inspection) }
    })
  }

  #inspected({ verdict, plugin }: Inspection): Decision {
    const outcome = OUTCOMES[verdict.action]
    if (verdict.action === 'continue' || verdict.action === 'tag') return ACCEPTED
    const why = 'reply' in verdict ? replyText(verdict.reply) : verdict.reason
    const code = 'reply' in verdict ? codeOf(verdict.reply) : null
    return { outcome, rule: `plugin ${plugin ?? ''}`, code, why, hold: outcome === 'held' ? this.#hold : null }
  }
}

type Decision = Pick<Fate, 'outcome' | 'rule' | 'code' | 'why' | 'hold'>

const ACCEPTED: Decision = { outcome: 'accepted', rule: null, code: null, why: null, hold: null }
const NOWHERE = { route: '', path: '' }

const isEnded = (outcome: Outcome): boolean => outcome !== 'accepted' && outcome !== 'held'

function refused({ reason, reply }: NonNullable<Admission['refusal']>): Decision {
  const outcome = reply.code < 500 ? 'deferred' : 'refused'
  return { outcome, rule: reason, code: codeOf(reply), why: replyText(reply), hold: null }
}

const codeOf = ({ code, enhanced }: Reply): string => (enhanced === null ? `${code}` : `${code} ${enhanced}`)

const unknownOf = (admission: Admission, inspection: Inspection): readonly string[] =>
  admission.unknown.length + inspection.unknown.length === 0
    ? NONE
    : [...new Set([...admission.unknown, ...inspection.unknown])]

const NONE: readonly string[] = []

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1000, 's'],
] as const

function spanInWords(ms: number): string {
  const [size, unit] = UNITS.find(([each]) => ms >= each && ms % each === 0) ?? [1, 'ms']
  return `${ms / size}${unit}`
}

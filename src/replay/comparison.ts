import { type Difference, differencesOf, inWords } from './differences.ts'
import { Evaluator } from './evaluator.ts'
import type { Fate, Outcome } from './fate.ts'
import type { Recorded, RecordedRecipient } from './recorded.ts'
import type { Example, ReplayReport } from './report.ts'
import { exampleOf, Tally } from './tally.ts'
import type { World } from './world.ts'

/** One difference, and for whom. */
export interface Changed extends Example, Difference {}

type Result = Omit<ReplayReport, 'since' | 'until' | 'config' | 'with' | 'unreadable' | 'notes'>

/** Judges each message by two configurations, and counts what differs. */
export class Comparison {
  readonly #inForce: Evaluator
  readonly #proposed: Evaluator
  readonly #changes = new Tally<Difference>()
  readonly #doubts = new Tally<string>()
  readonly #mismatches = new Tally<{ readonly recorded: Outcome; readonly judged: string }>()
  readonly #count = { messages: 0, recipients: 0, own: 0, reproduced: 0, others: 0 }

  constructor(inForce: World, proposed: World) {
    this.#inForce = new Evaluator(inForce)
    this.#proposed = new Evaluator(proposed)
  }

  /** What differs for its recipients. */
  take(recorded: Recorded): Changed[] {
    const before = this.#inForce.fates(recorded)
    const after = this.#proposed.fates(recorded)
    this.#count.messages++
    this.#count.recipients += recorded.recipients.length
    if (recorded.own) this.#count.own++
    return recorded.recipients.flatMap((recipient, i) => {
      const [old, now] = [before[i], after[i]]
      if (old === undefined || now === undefined) return []
      this.#control(recorded, recipient, old)
      this.#doubt(recorded, recipient, old, now)
      return this.#compare(recorded, recipient, old, now)
    })
  }

  #control(recorded: Recorded, recipient: RecordedRecipient, judged: Fate): void {
    const outcome = recordedOutcome(recipient)
    if (outcome === judged.outcome) {
      this.#count.reproduced++
      return
    }
    this.#count.others++
    const what = { recorded: outcome, judged: inWords(judged) }
    this.#mismatches.add(JSON.stringify(what), what, recorded, recipient)
  }

  /** Who is refused anyway need not be judged further. */
  #doubt(recorded: Recorded, recipient: RecordedRecipient, old: Fate, now: Fate): void {
    if (now.outcome === 'refused' || now.outcome === 'deferred') return
    const known = new Set(old.unknown)
    for (const what of now.unknown) if (!known.has(what)) this.#doubts.add(what, what, recorded, recipient)
  }

  #compare(recorded: Recorded, recipient: RecordedRecipient, old: Fate, now: Fate): Changed[] {
    return differencesOf(old, now).map((difference) => {
      const { kind, from, to, client } = difference
      this.#changes.add(JSON.stringify([kind, from, to, client]), difference, recorded, recipient)
      return { ...exampleOf(recorded, recipient), ...difference }
    })
  }

  get result(): Result {
    const { reproduced, others, ...count } = this.#count
    const changes = this.#changes.groups.map(({ what, ...counted }) => ({ ...what, ...counted }))
    const doubts = this.#doubts.groups.map(({ what, messages, example }) => ({ what, messages, example }))
    const why = this.#mismatches.groups.map(({ what, messages, example }) => ({ ...what, messages, example }))
    return {
      ...count,
      ...{ changed: this.#changes.messages, changes, moreChanges: this.#changes.more },
      ...{ doubtful: this.#doubts.messages, doubts },
      control: { reproduced, others, why },
    }
  }
}

function recordedOutcome({ state }: RecordedRecipient): Outcome {
  return state === 'held' || state === 'discarded' ? state : 'accepted'
}

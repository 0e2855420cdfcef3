import type { Kind } from './differences.ts'

/** What a replay found. Moments are ISO 8601 in UTC. `--json` prints it: fields may be added, none is renamed. */
export interface ReplayReport {
  readonly since: string
  readonly until: string
  /** Files of the configuration in force and of the new one. */
  readonly config: string
  readonly with: string
  /** Looked at, with those that the relay wrote itself. */
  readonly messages: number
  readonly recipients: number
  readonly own: number
  /** Receipts that nobody can understand. */
  readonly unreadable: number
  /** Messages that would have met another fate, or gone another way. */
  readonly changed: number
  /** By what causes them, most messages first. A message may be in several. */
  readonly changes: readonly Change[]
  /** Causes that there was no room for. */
  readonly moreChanges: number
  /** Messages of which something cannot be told that the configuration in force leaves no doubt about. */
  readonly doubtful: number
  readonly doubts: readonly Doubt[]
  readonly control: Control
  /** What no replay shows. */
  readonly notes: readonly string[]
}

export interface Example {
  readonly queueId: string
  readonly receivedAt: string
  /** `<>` for the null reverse-path; null where it is not on record. */
  readonly sender: string | null
  readonly recipient: string
}

export interface Change {
  readonly kind: Kind
  readonly from: string
  readonly to: string
  readonly client: string | null
  readonly messages: number
  readonly recipients: number
  /** The oldest, with what it would be told. */
  readonly example: Example
  readonly why: string | null
  readonly lastAt: string
}

export interface Doubt {
  readonly what: string
  readonly messages: number
  readonly example: Example
}

/** Whether the configuration in force, judged in the same way, gives what really happened. */
export interface Control {
  /** Recipients for whom it does. */
  readonly reproduced: number
  readonly others: number
  readonly why: readonly Mismatch[]
}

export interface Mismatch {
  /** On record: `accepted`, `held`, `discarded`. */
  readonly recorded: string
  readonly judged: string
  readonly messages: number
  readonly example: Example
}

/** What no replay shows, whatever is replayed. */
export const NOTES: readonly string[] = [
  'Messages that were refused have no entry in the record: what would now be taken of them is not shown.',
  'Rates, limits of connections, the DNS, DANE, MTA-STS and scanners are not asked again; scores and results are those on record.',
  "Recipients that only a domain's own server knows are taken to be known.",
]

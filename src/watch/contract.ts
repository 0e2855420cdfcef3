/** Alarms by what they are about: the first word of their key. Short and fixed, as it labels a metric. */
export const ALARM_KINDS = [
  'certificates',
  'clear-text',
  'ledger',
  'mail',
  'memory',
  'overdue',
  'path',
  'scanner',
  'secure-domains',
  'spool',
  'surge',
  'other',
] as const
export type AlarmKind = (typeof ALARM_KINDS)[number]

/** An alarm that was raised and is not over. */
export interface StandingAlarm {
  readonly key: string
  readonly kind: AlarmKind
  /** One line for people. */
  readonly text: string
  /** Milliseconds since 1970. */
  readonly since: number
}

export function kindOf(key: string): AlarmKind {
  const [word = ''] = key.split(' ', 1)
  return ALARM_KINDS.find((kind) => kind === word) ?? 'other'
}

/** A text for all operators. */
export interface OperatorLetter {
  readonly subject: string
  readonly text: string
}

/** What is wrong now, as a look found it. */
export interface Finding {
  readonly key: string
  readonly text: string
  readonly facts?: Readonly<Record<string, unknown>>
}

/** Things of one sort whose time is over. */
export interface Overdue {
  /** At most as many as were asked for: that many stands for "or more". */
  readonly count: number
  /** The one that has waited longest. */
  readonly queueId: string
  readonly destination: string | null
  /** When something should have happened to it, milliseconds since 1970. */
  readonly since: number
}

/** What waits for one trouble of a next hop, over all destinations. */
export interface Backlog {
  /** Such as `10.1.2.3:25: connection refused`. */
  readonly reason: string
  readonly destinations: number
  /** Likewise at most as many as were asked for of each destination. */
  readonly recipients: number
  readonly queueId: string
  readonly destination: string
}

/** What the watchdog sees of the queue at one look. Null: nothing of that sort. */
export interface QueueLook {
  /** Due, not blocked, and not attempted. */
  readonly pending: Overdue | null
  /** Attempts that should have ended. */
  readonly leases: Overdue | null
  /** Holds whose deadline has passed without its action. */
  readonly holds: Overdue | null
  /** Older than mail is tried for. */
  readonly expired: Overdue | null
  /** Senders who should have been told of a delay. */
  readonly notices: Overdue | null
  /** Entries that the ledger has not taken, since the oldest of them. */
  readonly journal: { readonly entries: number; readonly since: number } | null
  /** Rows that could not be understood and were set aside. */
  readonly damaged: { readonly count: number; readonly queueId: string } | null
  /** Destinations that are blocked and have mail. */
  readonly backlogs: readonly Backlog[]
}

/** What a look is to find; milliseconds since 1970. */
export interface LookRequest {
  readonly now: number
  /** What should have happened before this is overdue. */
  readonly before: number
  /** Counting ends at this many. */
  readonly most: number
}

import type { Address } from '../mail/address.ts'

/** What an operator may decide about alarms. Times in milliseconds. */
export interface WatchOptions {
  /** Our name, as it stands in subjects. */
  readonly hostname: string
  /** Who is told by mail; none: nobody. */
  readonly mailTo: readonly Address[]
  readonly from: Address
  /** Alarms that come within this time go in one mail. */
  readonly gatherMs: number
  /** An alarm that still stands is told again after this. */
  readonly repeatMs: number
  /** Mails in an hour. What is over it waits for the next hour, in one mail. */
  readonly mailsPerHour: number
  /** How often the queue is looked at. */
  readonly lookMs: number
  /** How late something may be before it is overdue. */
  readonly overdueMs: number
  readonly surge: SurgeOptions
}

/** When one cause holds or defers so many that operators must hear of it. */
export interface SurgeOptions {
  /** Messages within `withinMs`. */
  readonly atLeast: number
  readonly withinMs: number
  /** And so many times as often as in the hours before. */
  readonly factor: number
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** The same alarm, over and raised again, is not mailed anew within this: one that comes and goes must not fill mailboxes. */
export const REST_MS = HOUR
/** After a start, an alarm of before that nobody raises again is taken to be over: longer than any wait between attempts need be. */
export const CONFIRM_MS = 2 * HOUR
/** Until a mail that could not be handed over is tried again. */
export const AGAIN_MS = 5 * MINUTE
/** Standing alarms; what is more is in the log alone. */
export const MOST_ALARMS = 1000
/** … and of one kind, so that there is room for the others. */
export const MOST_OF_A_KIND = 900
/** Of a text or a key, in characters. */
export const LONGEST = 1000

import type { CustodyEvent, CustodyRecipient, Facts } from '../../mail/custody.ts'
import { type Fate, fatesOf } from '../../mail/fate.ts'

/** An entry as it lies in the table. */
export type Entry = readonly [at: number, event: string, data: string]

export interface ReadEntry extends CustodyEvent {
  readonly at: number
}

/** Reads whatever is there: an entry that nobody understands tells of no recipient. */
export function readEntry([at, event, data]: Entry): ReadEntry {
  try {
    const { recipients, facts } = JSON.parse(data) as Record<string, unknown>
    return {
      at,
      event,
      recipients: Array.isArray(recipients) ? recipients.filter(isRecipient) : [],
      facts: isObject(facts) ? facts : {},
    }
  } catch {
    return { at, event, recipients: [], facts: {} }
  }
}

const isObject = (value: unknown): value is Facts => typeof value === 'object' && value !== null

const isRecipient = (value: unknown): value is CustodyRecipient =>
  isObject(value) &&
  typeof value.index === 'number' &&
  typeof value.address === 'string' &&
  typeof value.state === 'string'

/** Where each recipient of a message stands; `entries` in the order in which they happened. */
export const standings = (entries: readonly Entry[]): Fate<ReadEntry>[] => fatesOf(entries.map(readEntry))

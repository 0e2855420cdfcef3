/** What entries say of recipients. Reads whatever is there: an odd entry says nothing. */

/** An entry as it lies in the table. */
export type Entry = readonly [at: number, event: string, data: string]

export interface EntryRecipient {
  readonly index: number
  readonly address: string
  readonly state: string
  readonly reply: string | null
}

export interface EntryData {
  readonly recipients: readonly EntryRecipient[]
  readonly facts: Readonly<Record<string, unknown>>
}

const NOTHING: EntryData = { recipients: [], facts: {} }

export function parseEntry(data: string): EntryData {
  try {
    const { recipients, facts } = JSON.parse(data) as Record<string, unknown>
    return {
      recipients: Array.isArray(recipients) ? recipients.flatMap(recipientOf) : [],
      facts: isObject(facts) ? facts : {},
    }
  } catch {
    return NOTHING
  }
}

function recipientOf(value: unknown): EntryRecipient[] {
  if (!isObject(value)) return []
  const { index, address, state, reply } = value
  if (typeof index !== 'number' || typeof address !== 'string' || typeof state !== 'string') return []
  return [{ index, address, state, reply: typeof reply === 'string' ? reply : null }]
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

/** Where a recipient stands after all entries of its message. */
export interface LastState {
  readonly address: string
  readonly state: string
  readonly at: number
  readonly reply: string | null
  /** The host of the latest attempt. */
  readonly host: string | null
}

/** By the recipient's place in the envelope. `entries` in the order in which they happened. */
export function lastStates(entries: readonly Entry[]): Map<number, LastState> {
  const states = new Map<number, LastState>()
  for (const [at, , data] of entries) {
    const { recipients, facts } = parseEntry(data)
    const host = typeof facts.host === 'string' ? facts.host : null
    for (const { index, address, state, reply } of recipients) {
      const before = states.get(index)
      const last = { reply: reply ?? before?.reply ?? null, host: host ?? before?.host ?? null }
      states.set(index, { address, state, at, ...last })
    }
  }
  return states
}

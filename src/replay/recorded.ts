import type { LedgerFile } from '../ledger/verify/file.ts'
import { type Address, parseAddress } from '../mail/address.ts'
import { type CustodyEvent, type PathTls, type PluginFact, readReceived } from '../mail/custody.ts'
import type { ReversePath } from '../mail/envelope.ts'
import { formatQueueId } from '../mail/queue-id.ts'

/** A message as the record of custody knows it from its receipt. Null is what nobody wrote down. */
export interface Recorded {
  readonly queueId: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** The relay wrote it itself: a notice or a report, which nobody had to admit. */
  readonly own: boolean
  readonly client: string | null
  readonly address: string | null
  /** The verified reverse name. */
  readonly name: string | null
  readonly helo: string | null
  readonly user: string | null
  readonly tls: PathTls | null
  /** Undefined: not on record. */
  readonly sender: ReversePath | undefined
  /** With the trace field and what plugins added. */
  readonly size: number | null
  readonly recipients: readonly RecordedRecipient[]
  /** Some recipients of what the client sent are in other messages. */
  readonly split: boolean
  readonly inspection: readonly PluginFact[]
  /** Results of some plugins were left out. */
  readonly isCut: boolean
}

export interface RecordedRecipient {
  readonly address: Address
  /** What became of it at the receipt: `pending`, `leased`, `held`, `discarded` … */
  readonly state: string
}

/** Reads the entry `received` of a message. Null where no recipient of it can be read. */
export function readRecorded(queueId: number, at: number, { recipients, facts }: CustodyEvent): Recorded | null {
  const received = readReceived(facts)
  const readable = recipients.flatMap(({ address, state }) => {
    const parsed = parseAddress(address, { utf8: true })
    return parsed === null ? [] : [{ address: parsed, state }]
  })
  if (readable.length === 0) return null
  const { client, session, address, name, helo, user, tls, split, inspection, inspectionCut } = received
  return {
    queueId: formatQueueId(queueId),
    at,
    own: session === null && address === null,
    ...{ client, address, name, helo, user, tls, inspection },
    sender: senderOf(facts.sender),
    size: typeof facts.size === 'number' ? facts.size : null,
    recipients: readable,
    split: split !== null,
    isCut: inspectionCut > 0,
  }
}

function senderOf(text: unknown): ReversePath | undefined {
  if (typeof text !== 'string') return undefined
  return text === '<>' ? null : (parseAddress(text, { utf8: true }) ?? undefined)
}

/** Entries that are read at a time: what is kept in memory. */
const SLICE = 1000
/** Times and numbers of entries grow together, but for a clock that was set back. */
const SLACK_MS = 600_000

/**
 * The messages received at or after `since` (milliseconds since 1970), in the order of the record, a slice
 * in memory at a time. `unreadable` is called for each receipt that cannot be understood.
 */
export function* recordedSince(
  file: LedgerFile,
  since: number,
  read: (data: Buffer) => CustodyEvent,
  unreadable: () => void,
): Generator<Recorded> {
  const { lastEntry } = file.snapshot()
  for (let after = firstSince(file, since - SLACK_MS, lastEntry) - 1; after < lastEntry; ) {
    const rows = file.slice(after, lastEntry, SLICE)
    for (const [id, , , at, queueId, event, data] of rows) {
      after = id
      if (at < since || event.toString() !== 'received') continue
      const recorded = readRecorded(queueId, at, read(data))
      if (recorded === null) unreadable()
      else yield recorded
    }
    if (rows.length === 0) return
  }
}

/** The number of the first entry not before `time`, by halving; what retention has taken is before it. */
function firstSince(file: LedgerFile, time: number, lastEntry: number): number {
  let [low, high] = [1, lastEntry + 1]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const at = file.entry(middle)?.[3] ?? Number.NEGATIVE_INFINITY
    if (at < time) low = middle + 1
    else high = middle
  }
  return low
}

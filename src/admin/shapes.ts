import type { TracedMessage, TraceEntry } from '../ledger/contract.ts'
import { fatesOf } from '../mail/fate.ts'
import type { Hold, QueueEntry, QueueRecipient, SpoolSummary } from '../spool/contract.ts'
import type {
  ApiDelivery,
  ApiHold,
  ApiMessage,
  ApiQueueSummary,
  ApiRecipient,
  ApiStatus,
  ApiTracedMessage,
  ApiTracedRecipient,
} from './api.ts'
import type { DaemonStatus } from './ports.ts'

// From what the rooms hold to what travels: moments become text, and fields that rooms add stay at home.

const moment = (ms: number): string => new Date(ms).toISOString()
const momentOrNull = (ms: number | null): string | null => (ms === null ? null : moment(ms))

export function toApiMessage(entry: QueueEntry): ApiMessage {
  const { queueId, receivedAt, client, sender, size, messageId, sensitive = false, recipients } = entry
  return {
    queueId,
    receivedAt: moment(receivedAt),
    client,
    sender,
    size,
    messageId,
    sensitive,
    recipients: recipients.map(toApiRecipient),
  }
}

function toApiRecipient(recipient: QueueRecipient): ApiRecipient {
  const { index, address, destination, state, attempts, lastReply, cause, owner } = recipient
  const hold = recipient.hold === null ? null : toApiHold(recipient.hold)
  return {
    index,
    address,
    destination,
    state,
    nextAttemptAt: momentOrNull(recipient.nextAttemptAt),
    attempts,
    lastReply,
    cause,
    owner,
    leasedUntil: momentOrNull(recipient.leasedUntil ?? null),
    deadline: hold === null ? null : { at: hold.until, afterwards: hold.afterwards },
    hold,
  }
}

const toApiHold = ({ reason, owner, until, then: afterwards }: Hold): ApiHold => ({
  reason,
  owner,
  until: moment(until),
  afterwards,
})

type Damaged = readonly { readonly queueId: string; readonly found: string }[]

// What a person can look through; the metrics tell the rest
const DESTINATIONS_SHOWN = 200
const DAMAGED_SHOWN = 200

export function toApiSummary(summary: SpoolSummary, damaged: Damaged): ApiQueueSummary {
  const { room, freeBytes, states, oldest } = summary
  const longestFirst = [...summary.destinations].sort((a, b) => b.pending + b.leased - a.pending - a.leased)
  return {
    room,
    freeBytes,
    states,
    oldest: momentOrNull(oldest),
    destinations: longestFirst.slice(0, DESTINATIONS_SHOWN).map(({ destination, pending, leased, ...block }) => ({
      destination,
      pending,
      leased,
      blockedUntil: momentOrNull(block.blockedUntil),
      reason: block.reason,
    })),
    destinationCount: longestFirst.length,
    damaged: damaged.slice(0, DAMAGED_SHOWN).map(({ queueId, found }) => ({ queueId, found })),
  }
}

export function toApiStatus(status: DaemonStatus, queue: ApiQueueSummary | null): ApiStatus {
  const { version, hostname, pid, configFile, stateDir, phase, listeners, unhealthy, unready, lastReload } = status
  return {
    version,
    hostname,
    pid,
    startedAt: moment(status.startedAt),
    configFile,
    stateDir,
    phase,
    listeners: listeners.map(({ address, port, tls, connections }) => ({ address, port, tls, connections })),
    delivery: toApiDelivery(status.delivery),
    unhealthy,
    unready,
    alarms: status.alarms,
    lastReload: lastReload === null ? null : { ...lastReload, at: moment(lastReload.at) },
    queue,
  }
}

const NEXT_HOPS_TOLD = 100

function toApiDelivery({ messages, connections, nextHops }: DaemonStatus['delivery']): ApiDelivery {
  const troubledFirst = [...nextHops].sort((a, b) => (b.restsUntil ?? 0) - (a.restsUntil ?? 0))
  const told = troubledFirst
    .slice(0, NEXT_HOPS_TOLD)
    .map(({ name, waiting, sending, idle, limit, trouble, restsUntil }) => {
      return { name, waiting, sending, idle, limit, trouble, restsUntil: momentOrNull(restsUntil) }
    })
  return { messages, connections, nextHops: told }
}

/** `queue` and `givesUpAt`: of what still waits, or null. */
export function toApiTraced(
  message: TracedMessage,
  queue: readonly ApiRecipient[] | null,
  givesUpAt: number | null,
): ApiTracedMessage {
  const { queueId, receivedAt, client, sender, size, messageId, entries } = message
  return {
    queueId,
    receivedAt: momentOrNull(receivedAt),
    client,
    sender,
    size,
    messageId,
    recipients: lastStates(entries),
    queue,
    givesUpAt: momentOrNull(givesUpAt),
    events: entries.map(({ at, event, recipients, facts }) => ({ at: moment(at), event, recipients, facts })),
  }
}

/** What the latest entry about each recipient says, in the order of the envelope. */
const lastStates = (entries: readonly TraceEntry[]): ApiTracedRecipient[] =>
  fatesOf(entries).map(({ index, address, state, reply }) => ({ index, address, state, reply }))

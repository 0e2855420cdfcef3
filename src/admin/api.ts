export type * from './certificates.ts'
/**
 * The shapes that travel over the admin socket, for both sides. Moments are ISO 8601 in UTC with
 * milliseconds, sizes bytes. `--json` of the commands shows the same shapes: fields may be added,
 * none is renamed or removed within version 1.
 */

export type ApiState = 'pending' | 'leased' | 'held'

export interface ApiMessage {
  readonly queueId: string
  readonly receivedAt: string
  /** The client it came from: a key of `clients`, `*` for the outside world, `postern` for our own notifications. */
  readonly client: string
  /** `<>` for the null reverse-path. */
  readonly sender: string
  readonly size: number
  readonly messageId: string | null
  /** Leaves over a proven path only, and no notice quotes it. */
  readonly sensitive: boolean
  readonly recipients: readonly ApiRecipient[]
}

export interface ApiRecipient {
  readonly index: number
  readonly address: string
  readonly destination: string
  readonly state: ApiState
  /** Null while held. */
  readonly nextAttemptAt: string | null
  readonly attempts: number
  readonly lastReply: string | null
  /** Why it waits, in words. */
  readonly cause: string | null
  /** Who sees to it: `delivery`, or the hold's owner. */
  readonly owner?: string | null
  /** Until when the attempt under way may take; null while there is none. */
  readonly leasedUntil?: string | null
  /** When something happens to it in any case; null where that is not asked for. */
  readonly deadline?: ApiDeadline | null
  readonly hold: ApiHold | null
}

export interface ApiDeadline {
  readonly at: string
  /** What a hold asks for; or `return` to the sender, `drop` where there is none. */
  readonly afterwards: ApiHoldEnd | 'return' | 'drop'
}

export type ApiHoldEnd = 'release' | 'reject' | 'discard'

export interface ApiHold {
  readonly reason: string
  readonly owner: string
  readonly until: string
  /** What happens at `until`. */
  readonly afterwards: ApiHoldEnd
}

export interface ApiQueuePage {
  readonly messages: readonly ApiMessage[]
  /** Give it back as `cursor`; null on the last page. */
  readonly next: string | null
}

/** Every given field must match. */
export interface ApiFilter {
  readonly queueIds?: readonly string[]
  readonly state?: ApiState
  /** Of the recipient's address. */
  readonly domain?: string
  readonly destination?: string
  readonly client?: string
  readonly sender?: string
  readonly recipient?: string
  readonly receivedBefore?: string
  readonly receivedAfter?: string
}

export type ApiActionName = 'retry' | 'hold' | 'release' | 'reroute' | 'remove'

export interface ApiAction {
  readonly action: ApiActionName
  readonly filter: ApiFilter
  /** Must be true to act with an empty filter: on the whole queue. */
  readonly all?: boolean
  /** Who does it, for the record. */
  readonly by: string
  /** Counts what would be touched and changes nothing. */
  readonly dryRun?: boolean
  /** For `hold`. */
  readonly hold?: { readonly reason: string; readonly until: string; readonly afterwards: ApiHoldEnd }
  /** For `reroute`; null goes back to the recipient's own destination. */
  readonly destination?: string | null
}

/** What a dry run counted. */
export interface ApiCount {
  readonly dryRun: true
  readonly messages: number
  readonly recipients: number
  /** False if counting stopped at a bound: there are more. */
  readonly complete: boolean
}

/** What an action did, in recipients. */
export interface ApiActionResult {
  readonly dryRun: false
  readonly changed: number
  /** Left alone because they were being delivered at that moment. */
  readonly busy: number
}

export interface ApiStatus {
  readonly version: string
  readonly hostname: string
  readonly pid: number
  readonly startedAt: string
  readonly configFile: string
  readonly stateDir: string
  readonly phase: 'starting' | 'running' | 'stopping'
  readonly listeners: readonly ApiListener[]
  readonly delivery: ApiDelivery
  /** Why the process should be started anew; empty when all is well. */
  readonly unhealthy: readonly string[]
  /** Why no mail should be sent here now; empty when all is well. */
  readonly unready: readonly string[]
  /** What works less well than it should, such as a scanner that does not answer; empty when all is well. */
  readonly alarms: readonly string[]
  readonly lastReload: { readonly at: string; readonly ok: boolean; readonly problems: readonly string[] } | null
  /** Null if the spool does not answer. */
  readonly queue: ApiQueueSummary | null
}

/** Next hops that are in use or in trouble, at most a hundred, those in trouble first. */
export interface ApiDelivery {
  readonly messages: number
  readonly connections: number
  readonly nextHops: readonly ApiNextHop[]
}

export interface ApiNextHop {
  readonly name: string
  readonly waiting: number
  readonly sending: number
  readonly idle: number
  readonly limit: number
  readonly restsUntil: string | null
  readonly trouble: string | null
}

export interface ApiListener {
  readonly address: string
  readonly port: number
  readonly tls: 'none' | 'starttls' | 'implicit'
  readonly connections: number
}

export interface ApiQueueSummary {
  readonly room: 'open' | 'full' | 'broken'
  readonly freeBytes: number
  readonly states: Readonly<Record<ApiState, number>>
  /** Receipt of the oldest message. */
  readonly oldest: string | null
  readonly destinations: readonly ApiDestination[]
  /** All destinations; `destinations` holds those with the most waiting. */
  readonly destinationCount: number
  readonly damaged: readonly { readonly queueId: string; readonly found: string }[]
}

export interface ApiDestination {
  readonly destination: string
  readonly pending: number
  readonly leased: number
  readonly blockedUntil: string | null
  readonly reason: string | null
}

export interface ApiTracedMessage {
  readonly queueId: string
  /** Null in these where the record of its receipt is no longer kept. */
  readonly receivedAt: string | null
  readonly client: string | null
  readonly sender: string | null
  readonly size: number | null
  readonly messageId: string | null
  /** Where each is or how it ended, by the last event that tells of it. */
  readonly recipients: readonly ApiTracedRecipient[]
  /** Those that still wait, as the queue has them now; null where none is in the queue. */
  readonly queue: readonly ApiRecipient[] | null
  /** When those are given up and returned to the sender; null where nothing waits. */
  readonly givesUpAt: string | null
  /** In the order in which they happened. */
  readonly events: readonly ApiTraceEvent[]
}

export interface ApiTracedRecipient {
  readonly index: number
  readonly address: string
  /** `pending`, `leased`, `held`, `relayed`, `delivered`, `failed`, `discarded`, `removed`; `damaged` where its message could not be read and was set aside. */
  readonly state: string
  /** The last thing that was said about it. */
  readonly reply: string | null
}

export interface ApiTraceEvent {
  readonly at: string
  readonly event: string
  /** Empty when all recipients are meant. */
  readonly recipients: readonly {
    readonly index: number
    readonly address: string
    readonly state: string
    readonly reply?: string
  }[]
  /** As recorded; moments in them are milliseconds since 1970. */
  readonly facts: Readonly<Record<string, unknown>>
}

export interface ApiTracePage {
  readonly messages: readonly ApiTracedMessage[]
  readonly next: string | null
}

export interface ApiReload {
  readonly ok: boolean
  /** One line each, as `postern check` prints them. */
  readonly problems: readonly string[]
}

export interface ApiError {
  readonly error: string
  /** In words. */
  readonly message: string
}

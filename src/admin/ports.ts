import type { QueueId } from '../mail/queue-id.ts'
import type { JournalEntry, Spool } from '../spool/contract.ts'

/** What the admin API needs of the rest of the daemon; the composition root plugs it in. */
export interface AdminPorts {
  readonly spool: Pick<Spool, 'list' | 'show' | 'act' | 'content' | 'summary' | 'damaged'>
  readonly trace: TraceSource
  /** How the daemon is, known without waiting. */
  status(): DaemonStatus
  /** Reads the configuration again, as SIGHUP does. Never rejects: what is wrong is in the answer, and the old configuration goes on. */
  reload(by: string): Promise<ReloadResult>
}

/** The record of what happened to messages (the ledger). */
export interface TraceSource {
  /** Messages that match, the latest first. Rejects when the record cannot be read. */
  trace(query: TraceQuery): Promise<TracePage>
}

/** Every given field must match. Addresses are compared without case. */
export interface TraceQuery {
  readonly queueId?: QueueId
  /** With or without its angle brackets. */
  readonly messageId?: string
  /** Envelope sender, whole address; `<>` is the null reverse-path. */
  readonly from?: string
  /** One of the recipients, whole address. */
  readonly to?: string
  readonly client?: string
  /** Of the sender or of a recipient. */
  readonly domain?: string
  /** Received at or after, and before, milliseconds since 1970. */
  readonly since?: number
  readonly until?: number
  /** `next` of the page before; null for the first. */
  readonly cursor: string | null
  readonly limit: number
}

export interface TracePage {
  readonly messages: readonly TracedMessage[]
  readonly next: string | null
}

export interface TracedMessage {
  readonly queueId: QueueId
  readonly receivedAt: number
  readonly client: string
  /** `<>` for the null reverse-path. */
  readonly sender: string
  /** Bytes; null where the record does not say. */
  readonly size: number | null
  readonly messageId: string | null
  readonly recipients: readonly TracedRecipient[]
  /** In the order in which they happened. */
  readonly events: readonly Pick<JournalEntry, 'at' | 'event' | 'recipients' | 'facts'>[]
}

export interface TracedRecipient {
  readonly index: number
  readonly address: string
  /** Where it is or how it ended. */
  readonly state: string
  readonly reply: string | null
}

export interface DaemonStatus {
  readonly version: string
  readonly hostname: string
  readonly pid: number
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly configFile: string
  readonly stateDir: string
  readonly phase: 'starting' | 'running' | 'stopping'
  readonly listeners: readonly {
    readonly address: string
    readonly port: number
    readonly tls: 'none' | 'starttls' | 'implicit'
    readonly connections: number
  }[]
  /** As for `/healthz` and `/readyz`: in words, empty when all is well. */
  readonly unhealthy: readonly string[]
  readonly unready: readonly string[]
  readonly lastReload: { readonly at: number; readonly ok: boolean; readonly problems: readonly string[] } | null
}

export interface ReloadResult {
  readonly ok: boolean
  /** One line each, with file, line and column. */
  readonly problems: readonly string[]
}

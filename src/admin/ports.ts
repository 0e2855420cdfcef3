import type { Certificates } from '../certificates/contract.ts'
import type { Ledger } from '../ledger/contract.ts'
import type { ReportsOperator } from '../reports/contract.ts'
import type { Spool } from '../spool/contract.ts'
import type { DomainPort } from './domains.ts'
import type { ReceiptKey } from './receipts.ts'

/** What the admin API needs of the rest of the daemon; the composition root plugs it in. */
export interface AdminPorts {
  readonly spool: Pick<Spool, 'list' | 'show' | 'act' | 'content' | 'summary' | 'damaged'>
  /** A destination for `reroute` in its one canonical form, or null if the text is none. */
  readonly destination: (text: string) => string | null
  readonly trace: Pick<Ledger, 'trace'> & Partial<Pick<Ledger, 'happenings'>> & Partial<Pick<Ledger, 'place'>>
  /** When a message is given up that was received then, milliseconds since 1970; left out where nobody knows. */
  readonly givesUpAt?: (receivedAt: number, isNotice: boolean) => number
  /** Left out where no receipts are signed. */
  readonly receiptKey?: ReceiptKey
  /** Left out where none are kept. */
  readonly certificates?: Certificates
  /** Left out where there are no reports. */
  readonly reports?: ReportsOperator
  /** Left out where paths are not looked into. */
  readonly domains?: DomainPort
  /** How the daemon is, known without waiting. */
  status(): DaemonStatus
  /** Reads the configuration again, as SIGHUP does. Never rejects: what is wrong is in the answer, and the old configuration goes on. */
  reload(by: string): Promise<ReloadResult>
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
  /** What delivery holds in memory, and its next hops: connections open, and why one rests. */
  readonly delivery: {
    readonly messages: number
    readonly connections: number
    readonly nextHops: readonly DaemonNextHop[]
  }
  /** As for `/healthz` and `/readyz`: in words, empty when all is well. */
  readonly unhealthy: readonly string[]
  readonly unready: readonly string[]
  /** What works less well than it should, such as a scanner that does not answer, in words. */
  readonly alarms: readonly string[]
  readonly lastReload: { readonly at: number; readonly ok: boolean; readonly problems: readonly string[] } | null
}

export interface DaemonNextHop {
  readonly name: string
  /** Messages that wait for it in memory. */
  readonly waiting: number
  readonly sending: number
  readonly idle: number
  /** Connections that it may have now. */
  readonly limit: number
  /** When it is tried again, milliseconds since 1970, and why it rests; null when it does not. */
  readonly restsUntil: number | null
  readonly trouble: string | null
}

export interface ReloadResult {
  readonly ok: boolean
  /** One line each, with file, line and column. */
  readonly problems: readonly string[]
}

import type { Ledger } from '../ledger/contract.ts'
import type { Spool } from '../spool/contract.ts'

/** What the admin API needs of the rest of the daemon; the composition root plugs it in. */
export interface AdminPorts {
  readonly spool: Pick<Spool, 'list' | 'show' | 'act' | 'content' | 'summary' | 'damaged'>
  readonly trace: Pick<Ledger, 'trace'>
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

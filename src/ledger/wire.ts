import type { LedgerSettings } from './options.ts'

/** What travels between the ledger's main side and its thread. */

export interface QueryRow {
  readonly id: number | null
  readonly messageId: string | null
  readonly sender: string | null
  readonly recipient: string | null
  readonly domain: string | null
  readonly client: string | null
  readonly from: number | null
  readonly to: number | null
}

export interface FoundMessage {
  readonly id: number
  /** At, event, data (JSON); in order. */
  readonly entries: readonly (readonly [at: number, event: string, data: string])[]
}

export type LedgerOps = {
  trace: {
    args: { query: QueryRow; after: string | null; limit: number }
    result: { readonly messages: readonly FoundMessage[]; readonly next: string | null }
  }
  summary: { args: null; result: { readonly entries: number; readonly oldest: number | null } }
  /** Once a second: what is over its retention is dropped, a little at a time. */
  tick: { args: null; result: null }
}

export interface LedgerData {
  readonly settings: LedgerSettings
  readonly path: string
  readonly lockPath: string
}

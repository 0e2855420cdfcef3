import type { Clock } from '../clock.ts'
import { readEntry } from '../ledger/thread/states.ts'
import { LedgerFile } from '../ledger/verify/file.ts'
import { type Changed, Comparison } from './comparison.ts'
import { recordedSince } from './recorded.ts'
import { NOTES, type ReplayReport } from './report.ts'
import { createWorld, type WorldOptions } from './world.ts'

export type { Changed } from './comparison.ts'

export interface ReplayRequest {
  /** Path of the ledger's file. */
  readonly ledger: string
  /** Milliseconds. */
  readonly spanMs: number
  readonly inForce: WorldOptions
  readonly proposed: WorldOptions
  /** Where the two came from, for the report. */
  readonly files: { readonly inForce: string; readonly proposed: string }
  /** Called for each difference of each recipient, in the order of the record. Awaited: whoever writes them down sets the pace. */
  readonly onChange?: (changed: Changed) => Promise<void> | void
}

/**
 * Judges the messages that were received in the last `spanMs` by two configurations in the same way, and tells
 * where they differ. Reads the record beside its writer or without one, in bounded memory. Rejects with NoLedger
 * where there is no record, with Error in words for the operator where a configuration cannot be used.
 */
export async function replay(request: ReplayRequest, clock: Clock): Promise<ReplayReport> {
  const { inForce, proposed, files, onChange } = request
  const until = clock.now()
  const comparison = new Comparison(createWorld(inForce, inForce, clock), createWorld(proposed, inForce, clock))
  const file = new LedgerFile(request.ledger)
  let unreadable = 0
  try {
    const read = (data: Buffer) => readEntry([0, 'received', data.toString()])
    for (const recorded of recordedSince(file, until - request.spanMs, read, () => unreadable++)) {
      for (const changed of comparison.take(recorded)) await onChange?.(changed)
    }
  } finally {
    file.close()
  }
  const iso = (at: number) => new Date(at).toISOString()
  const times = { since: iso(until - request.spanMs), until: iso(until) }
  return { ...times, config: files.inForce, with: files.proposed, unreadable, ...comparison.result, notes: NOTES }
}

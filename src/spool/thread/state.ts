import type { AgedMark } from './aged.ts'
import type { Destinations } from './destinations.ts'
import type { IdMark } from './ids.ts'
import type { Journal } from './journal.ts'
import type { LeaseTimes } from './lease-times.ts'

/** What the thread keeps beside the tables. Each part follows the batch's commit or rollback. */
export interface SpoolState {
  readonly destinations: Destinations
  /** Of rows in state leased. */
  readonly leases: LeaseTimes
  /** Of held rows whose deadline is being acted on. They stay held in the table: a crash must never release a quarantine. */
  readonly holdLeases: LeaseTimes
  readonly journal: Journal
  readonly ids: IdMark
  readonly aged: AgedMark
}

export function committed(state: SpoolState, now: number): void {
  state.destinations.committed(now)
  state.leases.committed()
  state.holdLeases.committed()
  state.ids.committed()
  state.journal.committed()
}

export function rolledBack(state: SpoolState): void {
  state.destinations.rolledBack()
  state.leases.rolledBack()
  state.holdLeases.rolledBack()
  state.ids.rolledBack()
  state.journal.rolledBack()
  state.aged.rolledBack()
}

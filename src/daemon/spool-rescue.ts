import { join } from 'node:path'
import type { QueueId } from '../mail/queue-id.ts'
import { parseQueueId } from '../mail/queue-id.ts'
import { checkSpool, type SpoolReport } from '../spool/rescue/check.ts'
import { type Exported, exportSpool } from '../spool/rescue/export.ts'
import { type RepairReport, repairSpool } from '../spool/rescue/repair.ts'
import { type Returned, returnDamaged } from '../spool/rescue/return.ts'
import { giveToOwner, ledgerHas, type StateRequest, stateOf } from './state-places.ts'

export type { Exported, RepairReport, Returned, SpoolReport }

/** `readFiles`: look at the content files too, not only at their sizes. */
export const check = (request: StateRequest, readFiles: boolean): SpoolReport =>
  checkSpool(stateOf(request).state.spool, readFiles)

/** Throws FolderInUse while a daemon runs. `now`: milliseconds since 1970. */
export function repair(request: StateRequest, now: number): RepairReport {
  const { state } = stateOf(request)
  const ledger = join(state.ledger, 'ledger.db')
  const report = repairSpool({ folder: state.spool, now, ledgerHas: (source) => ledgerHas(ledger, source) })
  giveToOwner(state.spool)
  return report
}

/** `ids` null: everything. */
export const exportMessages = (request: StateRequest, to: string, ids: readonly QueueId[] | null): Exported =>
  exportSpool(stateOf(request).state.spool, to, ids === null ? null : ids.map(idOf))

/** Throws FolderInUse while a daemon runs. */
export function bringBack(
  request: StateRequest,
  what: {
    readonly ids: readonly QueueId[] | null
    readonly asItIs: boolean
    readonly by: string
    readonly now: number
  },
): Returned[] {
  const folder = stateOf(request).state.spool
  const returned = returnDamaged({ ...what, folder, ids: what.ids === null ? null : what.ids.map(idOf) })
  giveToOwner(folder)
  return returned
}

/** 0, which no message has, for a text that is none. */
const idOf = (text: QueueId): number => parseQueueId(text) ?? 0

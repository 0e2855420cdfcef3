import { noCrash } from '../../db/crash.ts'
import { checkpoint, openDatabase } from '../../db/database.ts'
import { lockFolder } from '../../db/lock.ts'
import { runThread, type Store } from '../../db/thread.ts'
import type { LedgerData, LedgerOps, Replaced } from '../wire.ts'
import { isDamage, setAside } from './replace.ts'
import { LEDGER_APPLICATION_ID, migrations } from './schema.ts'
import { openStore } from './store.ts'

const WAL_BYTES = 16 * 1024 * 1024
const IDLE_MS = 500

// The file of the ledger's thread.
runThread<LedgerOps, LedgerData>(
  (data) => {
    const lock = lockFolder(data.lockPath)
    const store = openOrReplace(data)
    return {
      ...store,
      close() {
        store.close()
        checkpoint(store.db)
        store.db.close()
        lock.close()
      },
    }
  },
  () => ({ idleMs: IDLE_MS, crash: noCrash }),
)

/**
 * A damaged record of the past must not stop the mail of today. SQLite calls it damage too where one read fails
 * while it learns the schema: what is damaged is so at the second look.
 */
function openOrReplace(data: LedgerData): Store<LedgerOps> {
  const first = attempt(data)
  if (!(first instanceof Error)) return first
  const second = attempt(data)
  return second instanceof Error ? open(data, setAside(data.path, second.message, data.now)) : second
}

function attempt(data: LedgerData): Store<LedgerOps> | Error {
  try {
    return open(data, null)
  } catch (error) {
    if (!isDamage(error)) throw error
    return error
  }
}

function open({ settings, path, now }: LedgerData, replaced: Replaced | null): Store<LedgerOps> {
  const { cacheBytes } = settings
  const db = openDatabase({ path, applicationId: LEDGER_APPLICATION_ID, migrations, cacheBytes, walBytes: WAL_BYTES })
  try {
    return openStore(db, settings, { now, replaced })
  } catch (error) {
    db.close()
    throw error
  }
}

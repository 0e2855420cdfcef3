import { noCrash } from '../../db/crash.ts'
import { checkpoint, openDatabase } from '../../db/database.ts'
import { lockFolder } from '../../db/lock.ts'
import { runThread } from '../../db/thread.ts'
import type { LedgerData, LedgerOps } from '../wire.ts'
import { LEDGER_APPLICATION_ID, migrations } from './schema.ts'
import { openStore } from './store.ts'

const WAL_BYTES = 16 * 1024 * 1024
const IDLE_MS = 500

// The file of the ledger's thread.
runThread<LedgerOps, LedgerData>(
  ({ settings, path, lockPath }) => {
    const lock = lockFolder(lockPath)
    const { cacheBytes } = settings
    const db = openDatabase({ path, applicationId: LEDGER_APPLICATION_ID, migrations, cacheBytes, walBytes: WAL_BYTES })
    const store = openStore(db, settings)
    return {
      ...store,
      close() {
        store.close()
        checkpoint(db)
        db.close()
        lock.close()
      },
    }
  },
  () => ({ idleMs: IDLE_MS, crash: noCrash }),
)

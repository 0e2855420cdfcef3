import { crashAt } from '../../db/crash.ts'
import { checkpoint, openDatabase } from '../../db/database.ts'
import { lockFolder } from '../../db/lock.ts'
import { runThread } from '../../db/thread.ts'
import type { WriterData, WriterOps } from '../wire.ts'
import { Ballast } from './ballast.ts'
import { migrations, SPOOL_APPLICATION_ID } from './schema.ts'
import { openWriter } from './store.ts'

const open = ({ path, cacheBytes, walBytes }: WriterData) =>
  openDatabase({ path, applicationId: SPOOL_APPLICATION_ID, migrations, cacheBytes, walBytes })

// The file of the spool's one writer thread.
runThread<WriterOps, WriterData>(
  (data) => {
    const lock = lockFolder(data.lockPath)
    const ballast = new Ballast(data.ballastPath, data.ballastBytes)
    const db = ballast.insist(() => open(data))
    const store = openWriter(db, data, ballast)
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
  (data) => ({ idleMs: data.idleMs, crash: crashAt(data.crash) }),
)

import { crashAt } from '../../db/crash.ts'
import { checkpoint, openDatabase } from '../../db/database.ts'
import { lockFolder } from '../../db/lock.ts'
import { runThread } from '../../db/thread.ts'
import type { WriterData, WriterOps } from '../wire.ts'
import { migrations, SPOOL_APPLICATION_ID } from './schema.ts'
import { openWriter } from './store.ts'

// The file of the spool's one writer thread.
runThread<WriterOps, WriterData>(
  (data) => {
    const lock = lockFolder(data.lockPath)
    const db = openDatabase({
      path: data.path,
      applicationId: SPOOL_APPLICATION_ID,
      migrations,
      cacheBytes: data.cacheBytes,
      walBytes: data.walBytes,
    })
    const store = openWriter(db, data)
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

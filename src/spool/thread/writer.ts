import { crashAt } from '../../db/crash.ts'
import { checkpoint, openDatabase } from '../../db/database.ts'
import { lockFolder } from '../../db/lock.ts'
import { runThread } from '../../db/thread.ts'
import type { WriterData, WriterOps } from '../wire.ts'
import { Ballast } from './ballast.ts'
import { migrations, SPOOL_APPLICATION_ID } from './schema.ts'
import { asDamage, checkFiles } from './start-check.ts'
import { openWriter } from './store.ts'

const open = ({ path, cacheBytes, walBytes }: WriterData) =>
  openDatabase({ path, applicationId: SPOOL_APPLICATION_ID, migrations, cacheBytes, walBytes })

function start(data: WriterData, ballast: Ballast) {
  try {
    const db = ballast.insist(() => open(data))
    return { db, store: openWriter(db, data, ballast) }
  } catch (error) {
    throw asDamage(error, data.path)
  }
}

// The file of the spool's one writer thread.
runThread<WriterOps, WriterData>(
  (data) => {
    const lock = lockFolder(data.lockPath)
    checkFiles(data)
    const ballast = new Ballast(data.ballastPath, data.ballastBytes)
    const { db, store } = start(data, ballast)
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

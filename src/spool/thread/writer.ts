import { crashAt } from '../../db/crash.ts'
import { type Connection, checkpoint, openDatabase } from '../../db/database.ts'
import { lockFolder } from '../../db/lock.ts'
import { runThread } from '../../db/thread.ts'
import type { WriterData, WriterOps } from '../wire.ts'
import { Ballast } from './ballast.ts'
import { migrations, SPOOL_APPLICATION_ID } from './schema.ts'
import { asDamage, checkFiles, lookTwice } from './start-check.ts'
import { openWriter } from './store.ts'

const open = ({ path, cacheBytes, walBytes }: WriterData) =>
  openDatabase({ path, applicationId: SPOOL_APPLICATION_ID, migrations, cacheBytes, walBytes })

/** Gives the lock up where it fails: a repair in this process wants it. */
function start(data: WriterData, lock: Connection) {
  try {
    return lookTwice(() => recovered(data), data.path)
  } catch (error) {
    lock.close()
    throw asDamage(error, data.path)
  }
}

function recovered(data: WriterData) {
  checkFiles(data)
  const ballast = new Ballast(data.ballastPath, data.ballastBytes)
  const db = ballast.insist(() => open(data))
  try {
    return { db, store: openWriter(db, data, ballast) }
  } catch (error) {
    db.close()
    throw error
  }
}

// The file of the spool's one writer thread.
runThread<WriterOps, WriterData>(
  (data) => {
    const lock = lockFolder(data.lockPath)
    const { db, store } = start(data, lock)
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

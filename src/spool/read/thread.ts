import { noCrash } from '../../db/crash.ts'
import { openReadOnly } from '../../db/database.ts'
import { runThread } from '../../db/thread.ts'
import { readHandlers } from './handlers.ts'
import type { ReaderData, ReaderOps } from './rows.ts'

const IDLE_MS = 60_000

// The file of the spool's reader thread: operators' questions never wait for the writer, nor it for them.
runThread<ReaderOps, ReaderData>(
  ({ path, cacheBytes }) => {
    const db = openReadOnly(path, cacheBytes)
    return {
      db,
      ready: null,
      handlers: readHandlers(db),
      idle: () => void db.pragma('shrink_memory'),
      close: () => db.close(),
    }
  },
  () => ({ idleMs: IDLE_MS, crash: noCrash }),
)

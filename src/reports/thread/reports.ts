import { noCrash } from '../../db/crash.ts'
import { openDatabase } from '../../db/database.ts'
import { runThread } from '../../db/thread.ts'
import type { ReportOps, ReportsData } from '../wire.ts'
import { migrations, REPORTS_APPLICATION_ID } from './schema.ts'
import { openStore } from './store.ts'

const WAL_BYTES = 4 * 1024 * 1024
const CACHE_BYTES = 4 * 1024 * 1024
const IDLE_MS = 1000

// The file of the reports' thread.
runThread<ReportOps, ReportsData>(
  ({ path }) =>
    openStore(
      openDatabase({
        path,
        applicationId: REPORTS_APPLICATION_ID,
        migrations,
        cacheBytes: CACHE_BYTES,
        walBytes: WAL_BYTES,
      }),
    ),
  () => ({ idleMs: IDLE_MS, crash: noCrash }),
)

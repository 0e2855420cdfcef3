import { crashAt } from '../../../src/db/crash.ts'
import { openDatabase } from '../../../src/db/database.ts'
import { runThread, WithBlobs } from '../../../src/db/thread.ts'

export type FixtureOps = {
  add: { args: number; result: number }
  fail: { args: string; result: null }
  echo: { args: string; result: string }
  all: { args: null; result: number[] }
  commits: { args: null; result: number }
  die: { args: null; result: null }
}

// A small store for tests of the seam: a table of numbers that must differ.
runThread<FixtureOps, { path: string }>(
  ({ path }) => {
    const migrations = [
      { version: 1, up: (db: ReturnType<typeof openDatabase>) => db.exec('CREATE TABLE n (x UNIQUE)') },
    ]
    const db = openDatabase({ path, applicationId: 7, migrations, cacheBytes: 100_000, walBytes: 100_000 })
    let commits = 0
    return {
      db,
      ready: 'hello',
      handlers: {
        add: (x) => Number(db.prepare('INSERT INTO n VALUES (?)').run(x).lastInsertRowid),
        fail(text) {
          db.exec('INSERT INTO n VALUES (-1)')
          throw new Error(text)
        },
        echo: (text, _, blobs) => new WithBlobs(text, [...blobs].reverse()),
        all: () => db.prepare('SELECT x FROM n ORDER BY x').pluck().all() as number[],
        commits: () => commits,
        // In a thread this ends the thread alone
        die: () => process.exit(1),
      },
      committed: () => void commits++,
      close: () => db.close(),
    }
  },
  () => ({ idleMs: 1000, crash: crashAt(null) }),
)

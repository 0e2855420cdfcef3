import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Connection, openDatabase } from '../../../src/db/database.ts'
import { Ballast } from '../../../src/spool/thread/ballast.ts'
import { migrations } from '../../../src/spool/thread/schema.ts'
import { openWriter } from '../../../src/spool/thread/store.ts'
import { temporaryFolder } from '../../support/folder.ts'

// Read once, at the start, or only in what an operator asks for
const MAY_SCAN = [
  // At a start: the index against the table, and content against its rows
  /^SELECT ifnull\(sum\(state = 0\).* FROM recipient NOT INDEXED$/,
  /^SELECT count\(\*\), ifnull\(sum\(\(message_id % 1000003 \+ n\)\), 0\).* INDEXED BY /,
  /^SELECT name FROM content_file$/,
  /^SELECT 1 FROM message WHERE flags & 64/,
  // Once at each start
  /^UPDATE destination SET blocked_until = 0 WHERE blocked_until > \?/,
  /^UPDATE recipient SET due_at = \? WHERE state = 0 AND due_at > \?$/,
  /^UPDATE recipient SET state = 0 WHERE state = 1$/,
  /^SELECT DISTINCT message_id/,
  /^SELECT id FROM message EXCEPT SELECT message_id FROM recipient/,
  /^SELECT name FROM content_file/,
  /^SELECT destination, count/,
  /^SELECT id, name, blocked_until/,
  /FROM damaged/,
  // A scan that ends with its first row
  /ORDER BY id LIMIT 1$/,
]

/** Opens the writer's store in this thread and records each statement that it prepares. */
function statements(folder: string): { db: Connection; sql: string[] } {
  const contentPath = join(folder, 'content')
  mkdirSync(contentPath)
  const db = openDatabase({ path: join(folder, 'x.db'), applicationId: 1, migrations, cacheBytes: 1e6, walBytes: 1e6 })
  const sql: string[] = []
  const recording = new Proxy(db, {
    get(target, name) {
      if (name === 'prepare') sql.push('')
      const value = Reflect.get(target, name)
      if (name !== 'prepare') return typeof value === 'function' ? value.bind(target) : value
      return (text: string) => {
        sql[sql.length - 1] = text.replace(/\s+/g, ' ').trim()
        return target.prepare(text)
      }
    },
  })
  const store = openWriter(
    recording,
    {
      path: '',
      lockPath: '',
      contentPath,
      ballastPath: '',
      ballastBytes: 0,
      cacheBytes: 0,
      walBytes: 0,
      idleMs: 0,
      journalAfter: 0,
      now: 0,
      crash: null,
    },
    new Ballast(join(folder, 'ballast'), 0),
  )
  store.handlers.summary(null, 0, [])
  return { db, sql }
}

test('No statement of the writer reads more of the queue than it needs.', (t) => {
  const { db, sql } = statements(temporaryFolder(t, 'plans'))
  assert.ok(sql.length > 40)
  for (const text of sql) {
    const binds = Array.from(text.matchAll(/\?/g), () => 1)
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...binds) as { detail: string }[]
    for (const { detail } of plan) {
      const scans = /^SCAN (recipient|message|content|content_file|journal|destination)\b/.test(detail)
      assert.ok(!scans || MAY_SCAN.some((each) => each.test(text)), `${detail}: ${text}`)
      // The index of what is due is for finding messages, never for finding the recipients of one
      if (text.includes('message_id = ?')) assert.doesNotMatch(detail, /recipient_due/, text)
    }
  }
  db.close()
})

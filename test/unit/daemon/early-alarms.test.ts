import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Alarms } from '../../../src/alarms.ts'
import { EarlyAlarms } from '../../../src/daemon/early-alarms.ts'

class Heard implements Alarms {
  readonly texts = new Map<string, string>()
  raise(key: string, text: string): void {
    this.texts.set(key, text)
  }
  clear(key: string): void {
    this.texts.delete(key)
  }
}

test('Alarms of before the room of alarms is open are handed on when it is, and later ones at once.', () => {
  const heard = new Heard()
  const early = new EarlyAlarms()
  early.raise('spool kept', 'kept')
  early.raise('spool index', 'index')
  early.clear('spool index')
  early.use(heard)
  assert.deepEqual([...heard.texts], [['spool kept', 'kept']])
  early.raise('spool broken', 'broken')
  early.clear('spool kept')
  assert.deepEqual([...heard.texts], [['spool broken', 'broken']])
})

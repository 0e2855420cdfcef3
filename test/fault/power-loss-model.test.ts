import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { Disk, type NameLuck } from '../../scripts/lib/prove/powerloss/disk.ts'
import type { Luck } from '../../scripts/lib/prove/powerloss/file.ts'
import type { TraceEvent } from '../../scripts/lib/prove/powerloss/trace.ts'
import { randomOf } from '../../scripts/lib/prove/random.ts'
import { temporaryFolder } from '../support/folder.ts'

/** The disk that `scripts/prove crash` builds after a loss of power: what it keeps and what it may lose. */

const FILE = 1
const FOLDER = 2
const made: TraceEvent = { kind: 'open', handle: FILE, name: 'a', created: true, emptied: false, folder: false }
const folder: TraceEvent = { kind: 'open', handle: FOLDER, name: '', created: false, emptied: false, folder: true }
const write = (offset: number, text: string): TraceEvent => ({
  kind: 'write',
  handle: FILE,
  offset,
  data: Buffer.from(text),
})
const syncAt = (handle: number, began: number): TraceEvent => ({ kind: 'sync', handle, began })

function after(t: TestContext, events: readonly TraceEvent[], names: NameLuck, bytes: Luck): string | null {
  const disk = new Disk()
  for (const [at, event] of events.entries()) disk.apply({ ...event, at })
  const target = temporaryFolder(t)
  disk.writeWith(target, names, bytes, randomOf(1))
  return existsSync(join(target, 'a')) ? readFileSync(join(target, 'a'), 'utf8') : null
}

test('what was synced, bytes and name, is there whatever the luck', (t) => {
  const events = [folder, made, write(0, 'one'), syncAt(FILE, 3), syncAt(FOLDER, 4)]
  for (const names of ['none', 'all', 'first', 'some'] as const) {
    for (const bytes of ['none', 'all', 'some', 'torn'] as const) assert.equal(after(t, events, names, bytes), 'one')
  }
})

test('a synced file whose folder was not synced may have no name', (t) => {
  const events = [folder, made, write(0, 'one'), syncAt(FILE, 3)]
  assert.equal(after(t, events, 'none', 'all'), null)
  assert.equal(after(t, events, 'all', 'none'), 'one')
})

test('a sync covers only what was done before it began', (t) => {
  const events = [folder, made, write(0, 'one'), write(0, 'two'), syncAt(FILE, 3), syncAt(FOLDER, 4)]
  assert.equal(after(t, events, 'none', 'none'), 'one')
  assert.equal(after(t, events, 'none', 'all'), 'two')
})

test('a torn write leaves some blocks of the new and some of the old', (t) => {
  const [old, fresh] = ['o'.repeat(65_536), 'n'.repeat(65_536)]
  const events = [folder, made, write(0, old), syncAt(FILE, 3), syncAt(FOLDER, 4), write(0, fresh)]
  const left = after(t, events, 'none', 'torn') ?? ''
  assert.equal(left.length, 65_536)
  assert.match(left, /o/)
  assert.match(left, /n/)
  for (let at = 0; at < left.length; at += 512) assert.match(left.slice(at, at + 512), /^(o{512}|n{512})$/)
})

test('a name moved within a folder is old or new, never both or none', (t) => {
  const events: TraceEvent[] = [folder, made, write(0, 'x'), syncAt(FILE, 3), syncAt(FOLDER, 4)]
  events.push({ kind: 'rename', from: 'a', to: 'b' })
  assert.equal(after(t, events, 'none', 'all'), 'x')
  assert.equal(after(t, events, 'all', 'all'), null)
})

test('files may lose different amounts, as on two disks', (t) => {
  const second: TraceEvent = { kind: 'open', handle: 3, name: 'b', created: true, emptied: false, folder: false }
  const synced = [folder, made, second, write(0, 'one'), { ...write(0, 'one'), handle: 3 }].map((each, at) => ({
    ...each,
    at,
  }))
  const disk = new Disk()
  for (const event of [...synced, { ...syncAt(FOLDER, 5), at: 5 }]) disk.apply(event)
  const random = randomOf(1)
  const seen = new Set<string>()
  for (let n = 0; n < 40; n++) {
    const target = temporaryFolder(t)
    disk.writeWith(target, 'all', 'each', random)
    seen.add(['a', 'b'].map((name) => readFileSync(join(target, name)).length).join(' '))
  }
  assert.deepEqual([...seen].toSorted(), ['0 0', '0 3', '3 0', '3 3'])
})

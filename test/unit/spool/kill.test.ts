import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readAll } from '../../../src/mail/content.ts'
import type { QueueId } from '../../../src/mail/queue-id.ts'
import type { Spool } from '../../../src/spool/contract.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { eventually, openTestSpool, want } from './support.ts'

const CHILD = new URL('kill-child.ts', import.meta.url).pathname

type Fate = 'put' | 'relayed' | 'bounced' | 'done'

/** Lets the child run until something kills it, and returns the last thing it was told of each message. */
async function runUntilKilled(path: string, { point, afterMs }: { point?: [string, number]; afterMs?: number }) {
  const child = spawn(process.execPath, [CHILD, path, ...(point ?? []).map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (afterMs !== undefined && output === '') setTimeout(() => child.kill('SIGKILL'), afterMs)
    output += text
  })
  const signal = await new Promise((resolve) => child.once('close', (_, by) => resolve(by)))
  assert.equal(signal, 'SIGKILL')
  const fates = new Map<QueueId, Fate>()
  for (const line of output.split('\n').slice(0, -1)) {
    const [fate, id] = line.split(' ')
    if (id !== undefined) fates.set(id as QueueId, fate as Fate)
  }
  return fates
}

/** Indexes that may and that must still be there, given what the child knew. What it had asked for may have happened too. */
const MUST: Readonly<Record<Fate, readonly number[]>> = { put: [1, 2], relayed: [2], bounced: [], done: [] }
const MAY: Readonly<Record<Fate, readonly number[]>> = { put: [0, 1, 2], relayed: [1, 2], bounced: [2], done: [] }

async function checkNothingLost(spool: Spool, fates: ReadonlyMap<QueueId, Fate>): Promise<void> {
  const bounces = await bouncesOf(spool)
  for (const [id, fate] of fates) {
    const indexes = ((await spool.show(id))?.recipients ?? []).map(({ index }) => index)
    for (const index of indexes) assert.ok(MAY[fate].includes(index), `${id} after ${fate} still has ${index}`)
    for (const index of MUST[fate]) {
      const replaced = index === 1 && bounces.has(id)
      assert.ok(indexes.includes(index) || replaced, `${id} after ${fate} lost ${index}`)
    }
    if (fate === 'bounced' || fate === 'done') assert.ok(bounces.has(id), `${id} has no bounce`)
  }
}

async function bouncesOf(spool: Spool): Promise<Set<string>> {
  const found = new Set<string>()
  for (let after: string | null = null; ; ) {
    const page = await spool.list({ client: 'postern' }, { after, limit: 1000 })
    for (const { messageId } of page.entries) found.add(messageId?.slice('<bounce.'.length, -1) ?? '')
    if (page.next === null) return found
    after = page.next
  }
}

/** Every content can be read in full, nothing is leased or damaged, and no file is left without a row. */
async function checkWhole(spool: Spool, path: string): Promise<void> {
  const { states } = await spool.summary()
  assert.equal(states.leased, 0)
  assert.deepEqual(await spool.damaged(), [])
  const files = new Set<string>()
  for (let after: string | null = null; ; ) {
    const page = await spool.list({}, { after, limit: 1000 })
    for (const { queueId, size } of page.entries) {
      const content = await spool.content(queueId)
      assert.ok(content)
      assert.equal((await readAll(content, 1_000_000)).length, size)
      if (content.bytes === null) files.add(queueId)
    }
    if (page.next === null) break
    after = page.next
  }
  await eventually(() => contentFiles(path).length === files.size)
}

const contentFiles = (path: string): string[] => {
  const folder = join(path, 'content')
  return existsSync(folder) ? readdirSync(folder).flatMap((day) => readdirSync(join(folder, day))) : []
}

const cases: readonly { title: string; how: { point?: [string, number]; afterMs?: number } }[] = [
  { title: 'before a commit', how: { point: ['commit.before', 40] } },
  { title: 'after a commit, before anybody hears of it', how: { point: ['commit.after', 41] } },
  { title: 'with the replies ready to go', how: { point: ['reply.before', 60] } },
  { title: 'at its very first commit', how: { point: ['commit.before', 1] } },
  { title: 'early under load', how: { afterMs: 30 } },
  { title: 'at some moment under load', how: { afterMs: 150 + Math.floor(Math.random() * 400) } },
]

for (const { title, how } of cases) {
  test(`Nothing acknowledged is lost when the process is killed ${title}.`, async (t) => {
    const path = temporaryFolder(t, 'kill')
    const fates = await runUntilKilled(path, how)
    if (how.point !== undefined && how.point[1] !== 1) assert.ok(fates.size > 0, 'the child got somewhere')
    const { spool } = await openTestSpool(t, { path, contentInRowBytes: 4096 })
    await checkNothingLost(spool, fates)
    await checkWhole(spool, path)
  })
}

test('A spool killed again and again, also while it recovers, loses nothing.', async (t) => {
  const path = temporaryFolder(t, 'kill')
  const all = new Map<QueueId, Fate>()
  for (let round = 1; round <= 4; round++) {
    const how = round % 2 === 0 ? { afterMs: 60 * round } : { point: ['commit.after', 7 * round] as [string, number] }
    for (const [id, fate] of await runUntilKilled(path, how)) all.set(id, fate)
  }
  const opened = await openTestSpool(t, { path, contentInRowBytes: 4096 })
  // Leases of the killed runs are pending again; a retry that the child had settled may be too
  await checkNothingLost(opened.spool, all)
  await checkWhole(opened.spool, path)
  opened.clock.advance(10 * 365 * 86_400_000)
  const leases = await opened.spool.lease(want(opened.clock.now() + 1000, { limit: 10_000, perDestination: 10_000 }))
  assert.ok(leases.length > 0)
})

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { Arrivals, assertNothingLost } from '../support/account.ts'
import { needRoot } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { Daemon } from '../support/daemon.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startLoad } from '../support/load.ts'
import { freePort } from '../support/ports.ts'
import { defer, type Scope } from '../support/scope.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

const MESSAGES = 200
const ONE = Buffer.from('Subject: one\r\n\r\none\r\n')

/** Puts the daemon's state on a file system of 64 MiB. */
function smallDisk(scope: Scope, path: string): void {
  mkdirSync(path)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', path])
  defer(scope, () => execFileSync('umount', ['-l', path]))
}

/** Writes to a file until not a byte more fits. */
function fillUp(file: string): void {
  for (let size = 1_000_000; size >= 1; size = Math.floor(size / 10)) {
    try {
      for (;;) appendFileSync(file, Buffer.alloc(size, 'x'))
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
    }
  }
}

test('on a disk that something else has filled, new mail is put off, a restart works, and what was taken goes out', async (t) => {
  if (!needRoot(t)) return
  const arrivals = new Arrivals()
  const sink = await startSink(t, { onMessage: arrivals.take })
  const { port: nextHop } = sink
  await sink.stop()
  const port = await freePort()
  const daemon = new Daemon(temporaryFolder(t), relayConfig({ port, nextHop, more: { spool: { reserve: '4MiB' } } }))
  smallDisk(t, daemon.stateDir)
  defer(t, () => daemon.stop())
  await daemon.start()
  const load = startLoad({ port, sessions: 10, messages: MESSAGES })
  await load.done
  assert.ok(load.acknowledged.size >= MESSAGES)

  const filler = join(daemon.stateDir, 'filler')
  fillUp(filler)
  let accepted = 0
  const reply = () =>
    submit({ port, bytes: ONE }).then(
      () => {
        accepted++
        return 250
      },
      (error: { responseCode?: number }) => error.responseCode,
    )
  await waitFor(async () => (await reply()) === 452, { what: 'a 452' })
  assert.equal((await daemon.restart())?.code, 0)
  fillUp(filler)
  assert.equal(await reply(), 452, 'and still after a restart')

  await sink.listen(nextHop)
  await waitFor(() => arrivals.missing(load.acknowledged).length === 0, {
    what: 'all messages',
    timeoutMs: 60_000,
    detail: () => daemon.log.slice(-3000),
  })
  await waitFor(async () => (await daemon.queue()).length === 0, {
    what: 'an empty queue',
    detail: () => daemon.log.slice(-3000),
  })
  assertNothingLost(arrivals, load.acknowledged, 0.01)

  rmSync(filler)
  await waitFor(async () => (await reply()) === 250, { what: 'room for mail again' })
  await waitFor(() => arrivals.others.length === accepted, { what: 'the message after all' })
})

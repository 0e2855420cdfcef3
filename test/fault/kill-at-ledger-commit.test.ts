import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { relayConfig } from '../support/config.ts'
import { Daemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { defer } from '../support/scope.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

/**
 * The daemon is killed within the ledger's own commits, and just after them, when the spool does not
 * know of them yet. After each start, spool and ledger must say the same, the chain must hold, and
 * nothing may be in it twice.
 */

const HOOK = `--import=${fileURLToPath(new URL('../support/crash-hook.ts', import.meta.url))}`
const POSTERN = fileURLToPath(new URL('../../scripts/postern', import.meta.url))

interface Traced {
  readonly messages: readonly {
    readonly queueId: string
    readonly recipients: readonly { readonly state: string }[]
    readonly events: readonly { readonly event: string }[]
  }[]
}

for (const point of ['ledger.commit.before', 'ledger.commit.after']) {
  test(`killed at ${point}, spool and ledger agree afterwards, and nothing is there twice`, {
    concurrency: 3,
  }, async (t) => {
    const one = (nth: number) => t.test(`commit ${nth}`, (t) => live(t, `${point}:${nth}`))
    const killed = await Promise.all([one(1), one(2), one(3)])
    assert.equal(killed.length, 3)
  })
}

async function live(t: TestContext, crash: string): Promise<void> {
  const sink = await startSink(t)
  const port = await freePort()
  const daemon = new Daemon(temporaryFolder(t), relayConfig({ port, nextHop: sink.port }))
  defer(t, () => daemon.stop())
  await daemon.start({ NODE_OPTIONS: HOOK, POSTERN_TEST_CRASH: crash })
  let acknowledged = 0
  // Until it dies: each message is told to the ledger in a commit of its own, or in few
  await waitFor(
    async () => {
      if (!daemon.alive) return true
      await submit({ port, bytes: mail().bytes }).then(
        () => acknowledged++,
        () => {},
      )
      return !daemon.alive
    },
    { what: 'the kill', detail: () => daemon.log },
  )
  assert.equal((await daemon.ended()).signal, 'SIGKILL')
  const offline = await verify(daemon)
  assert.equal(offline.code, 0, `after the kill: ${offline.stdout}${offline.stderr}`)
  await daemon.start()
  const traced = await waitFor(
    async () => {
      const found = (await daemon.json('trace', '--since', '1h', '--limit', '100')) as Traced
      const done = found.messages.every(({ recipients }) => recipients.every(({ state }) => state === 'relayed'))
      return done && found.messages.length >= acknowledged && found
    },
    { what: 'the end of all', detail: () => daemon.log },
  )
  const online = await verify(daemon)
  assert.equal(online.code, 0, `after the start: ${online.stdout}${online.stderr}`)
  for (const { queueId, events } of traced.messages) {
    assert.equal(events.filter(({ event }) => event === 'received').length, 1, queueId)
  }
}

const verify = (daemon: Daemon) =>
  run(POSTERN, ['ledger', 'verify', '--with-spool', '--config', daemon.configFile, '--state', daemon.stateDir])

import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { relayConfig } from '../support/config.ts'
import { Daemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort } from '../support/ports.ts'
import { defer } from '../support/scope.ts'
import { type Received, type Sink, startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

/**
 * The same message each time: one recipient whom the next hop takes, one whom it defers at first,
 * one whom it refuses. Its life is a handful of commits. At each of them, at one point of it or another,
 * the daemon is killed, started again, and called to account. POSTERN_KILL_ALL: at three points of each.
 */

/** Which commits each point is tried at, where not at all of them. */
const POINTS = {
  'commit.before': [1, 3, 5, 7, 9, 11],
  'commit.after': [1, 2, 4, 6, 8, 10],
  'reply.before': [1, 4, 7, 10],
} as const
const COMMITS = 11
const ALL = Array.from({ length: COMMITS }, (_, i) => i + 1)
const HOOK = `--import=${fileURLToPath(new URL('../support/crash-hook.ts', import.meta.url))}`

const [GOOD, LATE, BAD, SENDER] = ['good@next.test', 'late@next.test', 'bad@next.test', 'ward@client.test']

interface Life {
  readonly sink: Sink
  readonly acknowledged: boolean
  readonly killed: boolean
  readonly log: string
}

for (const [point, some] of Object.entries(POINTS)) {
  const commits = process.env.POSTERN_KILL_ALL ? ALL : some
  test(`killed at ${point}, at whichever commit, the daemon keeps its promise`, { concurrency: 3 }, async (t) => {
    const killed: number[] = []
    const one = (nth: number) =>
      t.test(`commit ${nth}`, async (t) => {
        const life = await live(t, `${point}:${nth}`)
        if (life.killed) killed.push(nth)
        judge(life)
      })
    await Promise.all(commits.map(one))
    t.diagnostic(`killed at commits ${killed.toSorted((a, b) => a - b).join(', ')} of ${COMMITS}`)
    assert.ok(killed.includes(1), 'the first commit was never reached')
  })
}

async function live(t: TestContext, crash: string): Promise<Life> {
  const sink = await startSink(t, { fault: misbehave() })
  const port = await freePort()
  const daemon = new Daemon(temporaryFolder(t), relayConfig({ port, nextHop: sink.port }))
  defer(t, () => daemon.stop())
  const started = await daemon.start({ NODE_OPTIONS: HOOK, POSTERN_TEST_CRASH: crash }).then(
    () => true,
    () => false,
  )
  const { bytes } = mail()
  const sent = started ? submit({ port, bytes, to: [GOOD, LATE, BAD] }) : Promise.reject(new Error('not running'))
  const acknowledged = await sent.then(
    () => true,
    () => false,
  )
  await waitFor(() => !daemon.alive || isOver(sink), { what: 'the kill, or the end', detail: () => daemon.log })
  const ended = await daemon.restart()
  const killed = ended?.signal === 'SIGKILL'
  if (acknowledged) await waitFor(() => isOver(sink), { what: 'every outcome', detail: () => daemon.log })
  const empty = async () => (await daemon.queue()).length === 0
  await waitFor(empty, { what: 'an empty queue', detail: () => daemon.log })
  return { sink, acknowledged, killed, log: daemon.log }
}

function misbehave(): Sink['fault'] {
  let deferred = false
  return ({ phase, line }) => {
    if (phase !== 'rcpt') return null
    if (line.includes(BAD)) return { reply: '550 5.1.1 no such user' }
    if (!line.includes(LATE) || deferred) return null
    deferred = true
    return { reply: '450 4.2.1 mailbox busy' }
  }
}

const arrivals = (sink: Sink, address: string): Received[] =>
  sink.messages.filter(({ rcptTo }) => rcptTo.some((to) => to.address === address))

const isOver = (sink: Sink): boolean => [GOOD, LATE, SENDER].every((address) => arrivals(sink, address).length > 0)

/** RFC 5321 section 6.1: once 250 is said, it arrives or comes back. A kill may make it arrive twice, never come back twice. */
function judge({ sink, acknowledged, killed, log }: Life): void {
  const most = killed ? 2 : 1
  for (const address of [GOOD, LATE]) {
    const count = arrivals(sink, address).length
    assert.ok(count <= most, `${address} got it ${count} times\n${log}`)
    if (acknowledged) assert.ok(count >= 1, `${address} never got it\n${log}`)
  }
  const notices = arrivals(sink, SENDER)
  assert.ok(notices.length <= most, `${notices.length} notices\n${log}`)
  if (acknowledged) assert.ok(notices.length >= 1, `no notice\n${log}`)
  assert.equal(arrivals(sink, BAD).length, 0)
  for (const { content } of notices) assert.match(content.toString(), /^Final-Recipient: rfc822; ?bad@next\.test/im)
}

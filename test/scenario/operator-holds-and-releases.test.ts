import assert from 'node:assert/strict'
import test from 'node:test'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { queueIdIn, submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

interface Traced {
  readonly messages: readonly {
    readonly recipients: readonly { readonly state: string }[]
    readonly events: readonly { readonly event: string; readonly facts: { readonly by?: string } }[]
  }[]
}

test('An operator holds a message while the next hop is down, releases it later, and finds all of it in the trace', async (t) => {
  const sink = await startSink(t)
  const { port: nextHop } = sink
  await sink.stop()
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop }))
  const id = queueIdIn(await submit({ port, bytes: mail().bytes }))

  await waitFor(async () => /refused/i.test((await daemon.cli('queue', 'list')).stdout), {
    what: 'a cause in the list',
  })
  const held = await daemon.cli('queue', 'hold', id, '--reason', 'ticket 4711', '--until', '1h')
  assert.deepEqual([held.code, held.stdout], [0, '1 recipient held.\n'], held.stderr)
  assert.match((await daemon.cli('queue', 'show', id)).stdout, /State {5}held[\s\S]*Cause {5}ticket 4711/)

  await sink.listen(nextHop)
  const other = queueIdIn(await submit({ port, bytes: mail().bytes }))
  await waitFor(() => sink.messages.length === 1, { what: 'the other message' })
  assert.match((await daemon.cli('queue', 'list')).stdout, new RegExp(`^${id} .*held`, 'm'), 'what is held stays')

  const released = await daemon.cli('queue', 'release', '--in-state', 'held', '--yes')
  assert.equal(released.stdout, '1 recipient released.\n', released.stderr)
  await waitFor(() => sink.messages.length === 2, { what: 'the released message' })
  const trace = await waitFor(
    async () => {
      const found = (await daemon.json('trace', id)) as Traced
      return found.messages[0]?.recipients[0]?.state === 'relayed' && found
    },
    { what: 'the end of the trace' },
  )
  const events = trace.messages[0]?.events ?? []
  for (const event of ['received', 'attempt', 'hold', 'release']) {
    assert.ok(
      events.some((found) => found.event === event),
      `${event} is in the trace`,
    )
  }
  assert.notEqual(events.find(({ event }) => event === 'hold')?.facts.by, undefined, 'the trace says who held it')
  await waitFor(async () => (await daemon.cli('queue', 'list')).stdout === 'Nothing waits.\n', {
    what: 'an empty queue',
  })
  assert.equal((await daemon.cli('queue', 'show', other)).code, 66)
})

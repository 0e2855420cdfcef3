import assert from 'node:assert/strict'
import test from 'node:test'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { queueIdIn, submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

test('what an operator did stays done when the daemon is killed right after it said so', async (t) => {
  const sink = await startSink(t)
  const { port: nextHop } = sink
  await sink.stop()
  const port = await freePort()
  const daemon = await startDaemon(
    t,
    relayConfig({ port, nextHop, more: { queue: { schedule: ['4s'], backOff: ['4s'], jitter: '0%' } } }),
  )
  // What is being sent at that moment would rightly be left alone
  const isAtRest = async () =>
    (await daemon.queue()).every(
      ({ recipients }) => recipients[0]?.lastReply !== null && recipients[0]?.state !== 'leased',
    )
  const act = async (...args: string[]) => {
    await waitFor(isAtRest, { what: 'an attempt to fail' })
    const { code, stderr } = await daemon.cli('queue', ...args, '--yes')
    assert.equal(code, 0, stderr)
    await daemon.kill9()
    await daemon.start()
  }
  const state = async (id: string) => (await daemon.queue()).find(({ queueId }) => queueId === id)?.recipients[0]
  const [kept, gone] = [
    queueIdIn(await submit({ port, bytes: mail().bytes })),
    queueIdIn(await submit({ port, bytes: mail().bytes })),
  ]

  await act('hold', kept, '--reason', 'wrong attachment', '--until', '2h')
  assert.equal((await state(kept))?.state, 'held')
  assert.equal((await state(kept))?.hold?.reason, 'wrong attachment')
  await act('remove', gone)
  assert.equal(await state(gone), undefined)
  await sink.listen(nextHop)
  await act('release', kept)
  await waitFor(() => sink.messages.length > 0, { what: 'the released message', detail: () => daemon.log.slice(-2000) })
  await waitFor(async () => (await daemon.queue()).length === 0, { what: 'an empty queue' })
})

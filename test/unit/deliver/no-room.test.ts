import assert from 'node:assert/strict'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { startSink } from '../../support/sink.ts'
import { waitFor } from '../../support/wait.ts'
import { hosts, routes, startRelay, type TestRelay } from './relay.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
// Fits in a row of the spool; a notice that returns it does not
const LARGE = `Subject: x\r\n\r\n${'x'.repeat(64_900)}\r\n`

/** Content files can no longer be written, rows still can. The returned function makes room. */
function fill({ folder }: TestRelay): () => void {
  const content = join(folder, 'content')
  renameSync(content, `${content}.away`)
  writeFileSync(content, '')
  return () => {
    rmSync(content)
    renameSync(`${content}.away`, content)
  }
}

describe('a notice that there is no room for', () => {
  const refusing = {
    fault: ({ phase, line }: { phase: string; line: string }) =>
      phase === 'rcpt' && /bad/.test(line) ? { reply: '550 5.1.1 no' } : null,
  }

  it('holds up nothing else, and its message fails only when it can be told', async (t) => {
    const sink = await startSink(t, refusing)
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) } })
    const makeRoom = fill(relay)
    await relay.submit({ to: 'bad@example.org', content: LARGE, envelope: { ret: 'full' } })
    await relay.submit({ to: 'good@example.org' })
    await relay.quiet()
    assert.deepEqual(
      sink.messages.map(({ rcptTo }) => rcptTo[0]?.address),
      ['good@example.org'],
    )
    const { states } = await relay.spool.summary()
    assert.deepEqual(states, { pending: 1, leased: 0, held: 0 })
    makeRoom()
    await relay.advance(2 * HOUR)
    assert.deepEqual(
      sink.messages.map(({ rcptTo }) => rcptTo[0]?.address),
      ['good@example.org', 'nurse@royal.example.test'],
    )
    assert.equal((await relay.spool.summary()).states.pending, 0)
  })

  it('of one message that is too old holds up no other', async (t) => {
    const sink = await startSink(t, {
      fault: ({ phase, line }) => (phase === 'rcpt' && /late/.test(line) ? { reply: '450 4.2.1 later' } : null),
    })
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)), delayNoticeMs: null } })
    await relay.submit({ to: 'late1@example.org', content: LARGE, envelope: { ret: 'full' } })
    await relay.submit({ to: 'late2@example.org' })
    await relay.quiet()
    const makeRoom = fill(relay)
    relay.clock.advance(5 * DAY + HOUR)
    const told = () => sink.messages.filter(({ rcptTo }) => rcptTo[0]?.address === 'nurse@royal.example.test').length
    await relay.deliver.sweep()
    await waitFor(() => told() === 1, { what: 'the one that there is room for' })
    makeRoom()
    relay.clock.advance(2 * HOUR)
    await relay.deliver.sweep()
    await waitFor(() => told() === 2, { what: 'the other' })
  })
})

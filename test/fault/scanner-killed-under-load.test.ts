import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startClamd } from '../support/clamd.ts'
import { need } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { eicar } from '../support/scanner-samples.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

const SENDERS = 6
/** What happens to the two clamds, one after the other, while mail flows. */
const KILLS = 6

test('while clamds are killed and started, no virus passes, and what was accepted arrives', async (t) => {
  if (!need(t, 'clamd')) return
  const clamds = [await startClamd(t), await startClamd(t)]
  const sink = await startSink(t)
  const port = await freePort()
  const virus = { clamd: clamds.map(({ address }) => address), check: '300ms', checkTimeout: '300ms', timeout: '3s' }
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, more: { inspect: [{ virus }] } }))

  const accepted = new Set<string>()
  const replies = new Map<string, number>()
  let over = false
  async function keepSending(): Promise<void> {
    for (let i = 0; !over; i++) {
      const infected = i % 3 === 2
      const { id, bytes } = mail({ body: infected ? `${eicar()}\r\n` : `${'All is well. '.repeat(500)}\r\n` })
      const reply = await submit({ port, bytes }).catch((error: Error & { response?: string }) => error.response ?? '')
      const kind = `${infected ? 'infected' : 'clean'} ${reply.slice(0, 3)}`
      replies.set(kind, (replies.get(kind) ?? 0) + 1)
      if (reply.startsWith('250')) accepted.add(id)
    }
  }
  const senders = Array.from({ length: SENDERS }, keepSending)
  for (let i = 0; i < KILLS; i++) {
    const [a, b] = i % 2 === 0 ? clamds : clamds.toReversed()
    await sleep(250)
    await a?.kill9()
    await sleep(250)
    // at times both are gone
    if (i % 3 === 2) {
      await b?.kill9()
      await sleep(400)
      await b?.start()
    }
    await a?.start()
  }
  over = true
  await Promise.all(senders)

  assert.equal(replies.get('infected 250'), undefined, JSON.stringify([...replies]))
  for (const kind of ['infected 554', 'clean 250'])
    assert.ok((replies.get(kind) ?? 0) > 5, JSON.stringify([...replies]))
  const missing = () => {
    const arrived = new Set(sink.messages.map(({ content }) => /^Message-ID: (\S+)/m.exec(`${content}`)?.[1]))
    return [...accepted].filter((id) => !arrived.has(id))
  }
  await waitFor(() => missing().length === 0, {
    what: 'all that was accepted',
    detail: () => daemon.log.slice(-2000),
  })
  assert.ok(sink.messages.every(({ content }) => !content.includes(eicar())))
})

import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import test from 'node:test'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

test('Monitoring sees what the relay did, that it is well, and the log tells each message without what it says', async (t) => {
  const sink = await startSink(t)
  const [port, watch] = [await freePort(), await freePort()]
  const more = { metrics: { listen: `127.0.0.1:${watch}` } }
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, more }))
  const read = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${watch}${path}`)
    return { status: response.status, text: await response.text() }
  }
  for (let i = 0; i < 3; i++) await submit({ port, bytes: mail().bytes })
  await assert.rejects(submit({ port, bytes: mail().bytes, to: 'not an address' }))
  await waitFor(() => sink.messages.length === 3, { what: 'three messages' })

  assert.deepEqual(await read('/healthz'), { status: 200, text: 'ok\n' })
  assert.deepEqual(await read('/readyz'), { status: 200, text: 'ok\n' })
  const text = await waitFor(
    async () => {
      const { text } = await read('/metrics')
      return /^postern_relayed_total\{protocol="smtp"\} 3$/m.test(text) && text
    },
    { what: 'three recipients relayed' },
  )
  assert.match(text, /^postern_accepted_total\{client="tests"\} 3$/m)
  assert.match(text, /^postern_queue_recipients\{state="pending"\} 0$/m)
  assert.match(text, /^postern_spool_commit_seconds_count [1-9]/m)
  assert.match(text, /^postern_event_loop_delay_seconds\{quantile="0.99"\} \d/m)
  assert.match(text, /^postern_metrics_misused_total 0$/m, 'every measurement has a declared name and labels')

  assert.match(readlinkSync(`/proc/${daemon.pid}/exe`), /node$/, 'the process that was started is the daemon itself')
  assert.equal((await daemon.stop())?.code, 0)
  assert.doesNotMatch(daemon.log, /Subject|subject/)
})

test('A health check says that the daemon is well, and that it is gone', async (t) => {
  const sink = await startSink(t)
  const daemon = await startDaemon(t, relayConfig({ port: await freePort(), nextHop: sink.port }))
  const well = await daemon.cli('status', '--health')
  assert.deepEqual([well.code, well.stdout, well.stderr], [0, '', ''])
  await daemon.stop()
  assert.equal((await daemon.cli('status', '--health')).code, 69)
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import test from 'node:test'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'

/** The first that a new connection hears. */
async function heard(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port })
  const [bytes] = await once(socket, 'data')
  socket.destroy()
  return String(bytes)
}

test('A relay that holds more than it may asks senders to come again later, tells operators, and goes on once it may hold more.', async (t) => {
  const sink = await startSink(t)
  const port = await freePort()
  const config = (memory: string) =>
    relayConfig({ port, nextHop: sink.port, more: { limits: { process: { memory } } } })
  // No Node.js needs less
  const daemon = await startDaemon(t, config('64MiB'))
  await waitFor(async () => (await daemon.status()).alarms.length > 0, { what: 'an alarm' })
  const { alarms, unready } = await daemon.status()
  assert.match(alarms.join(), /memory is short: \d+ of 64 MiB are held \(limits\.process\.memory\)/)
  assert.deepEqual(unready, ['memory is short'])
  assert.match(await heard(port), /^421 4\.3\.2 Memory is short here; try again later/)
  daemon.write(config('2GiB'))
  assert.equal((await daemon.cli('reload')).code, 0)
  assert.match(await heard(port), /^220 /)
  assert.deepEqual((await daemon.status()).unready, [])
})

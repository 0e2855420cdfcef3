import assert from 'node:assert/strict'
import test from 'node:test'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'
import { Talk } from '../unit/accept/harness.ts'

test('a device that runs wild is told to come back later, loses nothing, and slows down nobody else', async (t) => {
  const sink = await startSink(t)
  const port = await freePort()
  const device = { tls: 'optional', device: true }
  await startDaemon(t, {
    hostname: 'relay.test',
    listeners: [{ address: '127.0.0.1', port, tls: 'none' }],
    clients: [
      { name: 'pump', networks: ['127.0.0.2'], senders: ['pump@lab.test'], rate: '30/minute', burst: 3, ...device },
      { name: 'scale', networks: ['127.0.0.3'], senders: ['scale@lab.test'], ...device },
    ],
    routes: { default: { hosts: [`127.0.0.1:${sink.port}`] } },
    metrics: { listen: 'off' },
  })
  const pump = await Talk.ready(t, port, { from: '127.0.0.2' })
  let deferred = 0
  let taken = 0
  while (taken < 4) {
    pump.write('MAIL FROM:<pump@lab.test>\r\n')
    const reply = await pump.reply()
    if (reply.startsWith('450')) {
      assert.match(reply, /^450 4\.7\.1 /)
      deferred++
      if (deferred === 1) {
        const scale = await Talk.ready(t, port, { from: '127.0.0.3' })
        for (let i = 0; i < 5; i++) await scale.send('scale@lab.test', ['desk@next.test'], `${mail().bytes}`)
      }
      // as a well-behaved client would; the rate gives back one in two seconds
      await new Promise((resolve) => setTimeout(resolve, 200))
      continue
    }
    assert.match(reply, /^250/)
    await pump.say('RCPT TO:<desk@next.test>', 250)
    await pump.say('DATA', 354)
    await pump.say(`${mail({ from: 'pump@lab.test' }).bytes}.`, 250)
    taken++
  }
  assert.ok(deferred > 0)
  await waitFor(() => sink.messages.length === 9, { what: 'all messages' })
})

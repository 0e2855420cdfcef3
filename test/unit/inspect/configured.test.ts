import assert from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { startDaemon } from '../../support/daemon.ts'
import { mail } from '../../support/eml.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { freePort } from '../../support/ports.ts'
import { startSink } from '../../support/sink.ts'
import { waitFor } from '../../support/wait.ts'
import { Talk } from '../accept/harness.ts'

const EXAMPLE = fileURLToPath(new URL('../../../config/examples/plugins/subject-length.js', import.meta.url))

test('the chain is the one that the configuration names, and a reload exchanges it', async (t) => {
  const sink = await startSink(t)
  const port = await freePort()
  const folder = temporaryFolder(t)
  const denied = join(folder, 'denied')
  writeFileSync(denied, 'deny @bad.test\n')
  const path = join(folder, 'subject-length.mjs')
  copyFileSync(EXAMPLE, path)
  const config = (inspect: readonly object[]) => ({
    hostname: 'relay.test',
    listeners: [{ address: '127.0.0.1', port, tls: 'none' }],
    clients: [{ name: 'ward', networks: ['127.0.0.0/8'], tls: 'optional', senders: ['*'] }],
    routes: { default: { hosts: [`127.0.0.1:${sink.port}`] } },
    metrics: { listen: 'off' },
    inspect,
  })
  const daemon = await startDaemon(
    t,
    config([
      { senders: { file: denied } },
      { headers: { repeated: 'hold' } },
      { module: { path, mode: 'tag', options: { most: 10 } } },
    ]),
  )
  const talk = await Talk.ready(t, port)
  assert.match(await talk.say('MAIL FROM:<x@bad.test>', 554), /5\.7\.1/)
  const long = `${mail({ subject: 'longer than ten characters' }).bytes}`
  await talk.send('a@client.test', ['b@next.test'], long)
  const message = await waitFor(() => sink.messages[0], { what: 'the message' })
  assert.match(`${message.content}`, /^Received: [^\r]*\r\n(\t[^\r]*\r\n)*X-Long-Subject: 26\r\nFrom: /)
  await talk.send('a@client.test', ['b@next.test'], `Subject: first\r\n${long}`)
  const queue = (await daemon.json('queue', 'list')) as object
  assert.match(JSON.stringify(queue), /plugin:headers/)

  daemon.write(config([{ headers: { from: 'off' } }]))
  daemon.signal('SIGHUP')
  await waitFor(() => daemon.log.includes('configuration reloaded'), { what: 'the reload', detail: () => daemon.log })
  await talk.say('MAIL FROM:<x@bad.test>', 250)
})

import assert from 'node:assert/strict'
import test from 'node:test'
import { startClamdStub } from '../support/clamd-stub.ts'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

test('A message is scanned for one of its recipients only, held for that one, and released when the scanner has changed its mind', async (t) => {
  let answer = 'Eicar-Test-Signature FOUND'
  const clamd = await startClamdStub(t, {
    scanned: ({ id }, connection) => connection.reply(`${id}: stream: ${answer}`),
  })
  const sink = await startSink(t)
  const port = await freePort()
  const virus = { clamd: clamd.address, action: 'hold', when: { recipients: ['.scanned.test'] } }
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, more: { inspect: [{ virus }] } }))

  const said = await submit({ port, bytes: mail().bytes, to: ['a@plain.test', 'b@ward.scanned.test'] })
  const [, first = '', second = ''] = /queued as (\S+), (\S+)$/.exec(said.trim()) ?? []
  assert.notEqual(second, '', said)
  await waitFor(() => sink.messages.length === 1, { what: 'the message that nobody scans' })
  const listed = (await daemon.cli('queue', 'list')).stdout
  assert.match(listed, new RegExp(`^(${first}|${second}) .*held`, 'm'))
  const held = listed.includes(first) ? first : second
  assert.match((await daemon.cli('trace', held)).stdout, /2 of 2/)

  const refused = await daemon.cli('queue', 'release', held)
  assert.match(refused.stdout, /^0 recipients released\./, refused.stderr)
  assert.match((await daemon.cli('queue', 'show', held)).stdout, /not released: virus Eicar-Test-Signature/)
  assert.equal(sink.messages.length, 1)

  answer = 'OK'
  const released = await daemon.cli('queue', 'release', held)
  assert.equal(released.stdout, '1 recipient released.\n', released.stderr)
  await waitFor(() => sink.messages.length === 2, { what: 'the released message' })
})

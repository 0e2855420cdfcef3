import assert from 'node:assert/strict'
import test from 'node:test'
import { startClamdStub } from '../support/clamd-stub.ts'
import { relayConfig } from '../support/config.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { queueIdIn, submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'
import { ENCRYPTED_ZIP } from '../unit/inspect/attachments/fixtures.ts'
import { withFiles } from '../unit/inspect/attachments-messages.ts'

/** The plain text about a message, as soon as it says what is expected. */
function plain(daemon: Daemon, id: string, expected: RegExp): Promise<string> {
  let text = ''
  return waitFor(
    async () => {
      text = (await daemon.cli('trace', id, '--plain')).stdout
      return expected.test(text) && text
    },
    { what: String(expected), detail: () => text, everyMs: 200 },
  )
}

/** Acts on the queue, again where delivery was just at it. */
function act(daemon: Daemon, ...args: string[]): Promise<boolean> {
  const act = async () => /^1 recipient /.test((await daemon.cli('queue', ...args)).stdout)
  return waitFor(act, { what: `queue ${args[0]} to find it at rest`, everyMs: 100 })
}

test('A message that waits, is held, released, rerouted and removed is told at each step as what it is, with names', async (t) => {
  const sink = await startSink(t)
  const { port: nextHop } = sink
  await sink.stop()
  const port = await freePort()
  const more = { queue: { schedule: ['1h'], backOff: ['1s'], jitter: '0%' } }
  const daemon = await startDaemon(t, relayConfig({ port, nextHop, more }))
  const id = queueIdIn(await submit({ port, bytes: mail().bytes }))
  await plain(
    daemon,
    id,
    /practice@next\.test: Waiting for next\.test.*refused.*If nothing changes, it will be returned to the sender at/,
  )

  await act(daemon, 'hold', id, '--reason', 'ticket 4711', '--until', '1h')
  const held = await plain(daemon, id, /Held since/)
  assert.match(held, /Held since \S+ by \S.*: ticket 4711\. Unless somebody decides before, it will be .* at/)

  await act(daemon, 'release', id)
  await act(daemon, 'reroute', id, '--to', 'standby.test')
  await plain(
    daemon,
    id,
    /\(ticket 4711\)\. .* released it at \S+, to be tried until .+ at least\. .* rerouted it to standby\.test at \S+\. Waiting for standby\.test/,
  )
  await act(daemon, 'remove', id, '--yes')
  const end = await plain(daemon, id, /Removed from the queue/)
  assert.match(end, /Removed from the queue by \S.* at \S+\. Nobody was told\.\n$/)
  assert.doesNotMatch(end, /Waiting|Delivered|Handed on/)
})

test('A message that nobody took goes back when its time is over, and the record says that its sender was told', async (t) => {
  const sink = await startSink(t, {
    fault: ({ phase, line }) => (phase === 'rcpt' && line.includes('practice') ? { reply: '450 4.2.1 later' } : null),
  })
  const port = await freePort()
  const more = {
    queue: {
      schedule: ['1s'],
      backOff: ['1s'],
      jitter: '0%',
      lifetime: '1m',
      bounceLifetime: '1m',
      delayNotice: 'off',
    },
  }
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, more }))
  const refused = queueIdIn(await submit({ port, bytes: mail().bytes }))
  await plain(
    daemon,
    refused,
    /Waiting for next\.test: last tried in vain at .* \(.*450 4\.2\.1 later.*\); next try at/,
  )
  sink.fault = ({ phase, line }) => (phase === 'rcpt' && line.includes('practice') ? { reply: '550 5.1.1 gone' } : null)
  const text = await plain(daemon, refused, /Given up/)
  const [, notice = ''] =
    /Given up at \S+ after 127\.0\.0\.1 refused it: “550 5\.1\.1 gone”\. The sender was told \(notice (\S+)\)\./.exec(
      text,
    ) ?? []
  assert.match(notice, /^[0-9A-Z]{11}$/, text)
  await plain(
    daemon,
    notice,
    new RegExp(`A notice that this relay wrote at .* \\(failed\\), about message ${refused}\\.`),
  )
})

test('What a plugin holds or refuses is told with its reason, and names of files are not', async (t) => {
  const sink = await startSink(t)
  const stub = await startClamdStub(t, {
    scanned: ({ id, bytes }, connection) =>
      connection.reply(`${id}: stream: ${bytes.includes('EICAR') ? 'Eicar-Test-Signature FOUND' : 'OK'}`),
  })
  const port = await freePort()
  const inspect = [{ virus: { clamd: stub.address } }, { attachments: { encrypted: 'hold' } }]
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, more: { inspect } }))
  const zip = withFiles({ name: 'Smith discharge.zip', bytes: ENCRYPTED_ZIP })
  const id = queueIdIn(await submit({ port, bytes: Buffer.from(zip, 'latin1') }))
  const held = await plain(daemon, id, /Held since \S+ by the plugin attachments: an encrypted attachment: ZIP archive/)
  assert.match(held, /Virus scan clean; attachments found wanting: an encrypted attachment/)
  assert.doesNotMatch(`${held}${JSON.stringify(await daemon.json('trace', id))}`, /Smith/)

  await assert.rejects(
    submit({ port, bytes: mail({ body: 'EICAR\r\n' }).bytes, from: 'eve@client.test' }),
    /Eicar-Test-Signature/,
  )
  assert.equal(
    ((await daemon.json('trace', '--from', 'eve@client.test')) as { messages: unknown[] }).messages.length,
    0,
  )
  assert.ok(
    daemon.logLines.some(({ msg, why }) => msg === 'refused' && /virus Eicar/.test(String(why))),
    'what was refused has no queue id: the log has it',
  )
})

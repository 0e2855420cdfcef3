import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startPeer } from '../support/peer.ts'
import { freePort } from '../support/ports.ts'
import { waitFor } from '../support/wait.ts'
import { Talk } from '../unit/accept/harness.ts'

test('unknown recipients are refused at once, from a list or by the word of their own server, and who guesses is sent away', async (t) => {
  const peer = await startPeer(t, {
    parts: { rcpt: ({ line }) => (line.includes('nobody') ? '550 5.1.1 Unknown here' : undefined) },
  })
  const port = await freePort()
  const file = join(temporaryFolder(t), 'recipients')
  writeFileSync(file, '# of the infirmary\nward7@listed.test\nsister\n')
  const relayTo = [`127.0.0.1:${peer.port}`]
  const config = {
    hostname: 'relay.test',
    listeners: [{ address: '127.0.0.1', port, tls: 'none' }],
    domains: {
      'listed.test': { relayTo, recipients: { file } },
      'asked.test': { relayTo, recipients: 'ask' },
      'any.test': { relayTo },
    },
    limits: { outside: { unknownRecipients: 3, penalty: '1d', reverseDns: 'off' } },
    metrics: { listen: 'off' },
  }
  const daemon = await startDaemon(t, config)
  const talk = await Talk.ready(t, port)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<Ward7@listed.test>', 250)
  await talk.say('RCPT TO:<"sister"@listed.test>', 250)
  await talk.say('RCPT TO:<postmaster@listed.test>', 250)
  assert.match(await talk.say('RCPT TO:<ward8@listed.test>', 550), /5\.1\.1/)
  await talk.say('RCPT TO:<anybody@any.test>', 250)
  await talk.say('RCPT TO:<somebody@asked.test>', 250)
  assert.match(await talk.say('RCPT TO:<nobody@asked.test>', 550), /5\.1\.1/)
  const questions = () => peer.commands.filter((line) => line.includes('nobody@asked.test')).length
  assert.equal(questions(), 1)
  // the answer is kept
  await talk.say('RCPT TO:<NOBODY@asked.test>', 550)
  assert.equal(questions(), 1)
  await talk.say('DATA', 354)
  await talk.say(`${mail().bytes}.`, 250)
  const delivered = () => peer.messages.flatMap(({ rcpts }) => rcpts).length
  await waitFor(() => delivered() === 5, { what: 'the message at all five' })

  // one guess more than is allowed in a session
  await talk.say('MAIL FROM:<a@client.test>', 250)
  assert.match(await talk.say('RCPT TO:<ward9@listed.test>', 421), /4\.7\.0/)
  await talk.ended()
  assert.match(await (await Talk.open(t, port)).expect(421), /4\.7\.0/)
  // another address feels nothing, and an addition to the list counts after a reload
  const other = await Talk.ready(t, port, { from: '127.0.0.2' })
  await other.say('MAIL FROM:<a@client.test>', 250)
  await other.say('RCPT TO:<ward9@listed.test>', 550)
  writeFileSync(file, 'ward9@listed.test\n')
  daemon.signal('SIGHUP')
  await waitFor(() => daemon.log.includes('configuration reloaded'), { what: 'the reload', detail: () => daemon.log })
  await other.say('RCPT TO:<ward9@listed.test>', 250)
})

test('while the server of a domain cannot be asked, its mail is taken or deferred, as configured', async (t) => {
  const nobody = await freePort()
  const port = await freePort()
  const config = (unavailable: string) => ({
    hostname: 'relay.test',
    listeners: [{ address: '127.0.0.1', port, tls: 'none' }],
    domains: { 'asked.test': { relayTo: [`127.0.0.1:${nobody}`], recipients: 'ask' } },
    recipientCheck: { unavailable, timeout: '2s' },
    limits: { outside: { reverseDns: 'off' } },
    metrics: { listen: 'off' },
  })
  const daemon = await startDaemon(t, config('accept'))
  const talk = await Talk.ready(t, port)
  await talk.say('MAIL FROM:<a@client.test>', 250)
  await talk.say('RCPT TO:<b@asked.test>', 250)
  await talk.say('RSET', 250)
  daemon.write(config('defer'))
  daemon.signal('SIGHUP')
  await waitFor(() => daemon.log.includes('configuration reloaded'), { what: 'the reload', detail: () => daemon.log })
  await talk.say('MAIL FROM:<a@client.test>', 250)
  assert.match(await talk.say('RCPT TO:<b@asked.test>', 450), /4\.3\.0/)
})

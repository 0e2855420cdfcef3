import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'
import { Talk } from '../unit/accept/harness.ts'
import { HEADER, line } from '../unit/config/secure-domains/support.ts'

/** Spellings of addresses whose domains are in the register. */
const SECURE = [
  'a@ROYAL.example.TEST',
  '"x y"@royal.example.test',
  '@x.test,@y.test:a@royal.example.test',
  'a@m\u00fcnchen.test',
  'a@MU\u0308NCHEN.test',
  'a@XN--MNCHEN-3YA.test',
  'a@ward.m\u00fcnchen\u3002test',
  'a@\uff52\uff4f\uff59\uff41\uff4c.example.test',
  'a@royal\u00ad.example.test',
]
const REFUSED = [
  'a@royal.example.test.',
  'a@royal..example.test',
  'a@royal.example.test@else.test',
  'a@royal.example.test:25',
]

test('however a secure domain is spelt, nothing for it leaves in clear', async (t) => {
  const sink = await startSink(t, { tls: null })
  const file = join(temporaryFolder(t), 'secure-domains.csv')
  const until = { 'expires-on': `${new Date().getUTCFullYear() + 1}-12-01` }
  const entries = [
    line({ ...until, domain: 'royal.example.test' }),
    line({ ...until, domain: 'm\u00fcnchen.test', subdomains: 'yes' }),
  ]
  writeFileSync(file, `${[HEADER, ...entries].join('\n')}\n`)
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, more: { secureDomains: { file } } }))
  const talk = await Talk.ready(t, port)
  for (const to of [...SECURE, 'a%royal.example.test@else.test']) {
    await talk.say('MAIL FROM:<ward@ours.test> SMTPUTF8', 250)
    await talk.say(`RCPT TO:<${to}>`, 250)
    await talk.say('DATA', 354)
    await talk.say('From: ward@ours.test\r\n\r\nhello\r\n.', 250)
  }
  await talk.say('MAIL FROM:<ward@ours.test> SMTPUTF8', 250)
  for (const to of REFUSED) await talk.say(`RCPT TO:<${to}>`, 501)
  const waiting = await waitFor(
    async () => {
      const queue = await daemon.queue()
      return (
        queue.length === SECURE.length &&
        queue.every(({ recipients }) => (recipients[0]?.cause ?? null) !== null) &&
        queue
      )
    },
    { what: 'a cause for each to wait' },
  )
  for (const { recipients } of waiting) assert.match(recipients[0]?.cause ?? '', /STARTTLS is not offered/)
  await waitFor(() => sink.messages.length > 0, { what: 'the message to an ordinary domain' })
  // what stands before the @ is for the server of its domain to read
  assert.deepEqual(
    sink.messages.map(({ rcptTo }) => rcptTo.map(({ address }) => address)),
    [['a%royal.example.test@else.test']],
  )
})

import assert from 'node:assert/strict'
import test from 'node:test'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

test('of ten recipients the good ones get it once, the deferred ones later, the refused ones come back in one notice', async (t) => {
  const good = ['a', 'b', 'c', 'd'].map((name) => `good-${name}@next.test`)
  const late = ['a', 'b', 'c'].map((name) => `late-${name}@next.test`)
  const bad = ['a', 'b', 'c'].map((name) => `bad-${name}@next.test`)
  const deferred = new Set<string>()
  const sink = await startSink(t, {
    fault: ({ phase, line }) => {
      if (phase !== 'rcpt') return null
      if (line.includes('<bad-')) return { reply: '550 5.1.1 no such user' }
      if (!line.includes('<late-') || deferred.has(line)) return null
      deferred.add(line)
      return { reply: '450 4.2.1 mailbox busy' }
    },
  })
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port }))
  const { id, bytes } = mail()
  await submit({ port, bytes, to: [...good, ...late, ...bad] })

  const recipients = () => sink.messages.flatMap(({ rcptTo }) => rcptTo.map(({ address }) => address))
  const expected = [...good, ...late, 'ward@client.test'].sort()
  await waitFor(() => recipients().length >= expected.length, {
    what: 'every outcome',
    detail: () => `${recipients()}\n${daemon.log.slice(-4000)}`,
  })
  assert.deepEqual(recipients().sort(), expected)
  const notices = sink.messages.filter(({ mailFrom }) => mailFrom === '')
  assert.equal(notices.length, 1)
  const text = notices[0]?.content.toString() ?? ''
  const refused = [...text.matchAll(/^Final-Recipient: rfc822; ?(\S+)/gim)].map(([, address]) => address)
  assert.deepEqual(refused.sort(), bad)
  assert.ok(text.includes(id))
})

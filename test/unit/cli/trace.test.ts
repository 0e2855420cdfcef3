import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { QueueId } from '../../../src/mail/queue-id.ts'
import { POSTERN } from '../../support/daemon.ts'
import { run } from '../../support/process.ts'
import { startAdmin } from '../admin/support.ts'

const found = {
  queueId: '00KX3T9A001' as QueueId,
  receivedAt: Date.UTC(2026, 10, 22, 9),
  client: 'royal',
  sender: 'ward@royal.example.test',
  size: 10_240,
  messageId: '<1@royal.example.test>',
  entries: [
    {
      at: Date.UTC(2026, 10, 22, 9),
      event: 'received',
      recipients: [{ index: 0, address: 'a@city.test', state: 'pending' }],
      facts: {
        client: 'royal',
        size: 10_240,
        address: '10.1.2.3',
        helo: 'mail.royal',
        tls: 'TLSv1.3',
        cipher: 'TLS_AES_256_GCM_SHA384',
        sha256: { received: 'aa', stored: 'bb' },
        inspection: [
          { plugin: 'virus', hook: 'data', mode: 'enforce', verdict: 'continue', reason: null, ms: 12 },
          {
            plugin: 'tagline',
            hook: 'modify',
            mode: 'enforce',
            verdict: 'continue',
            reason: 'did: replaceContent',
            ms: 3,
            changed: { replaced: { before: 'cc', after: 'dd' } },
          },
        ],
      },
    },
    {
      at: Date.UTC(2026, 10, 22, 9, 0, 1),
      event: 'hold',
      recipients: [],
      facts: {
        by: 'alice as root',
        hold: { reason: 'ticket', owner: 'operator:alice', until: Date.UTC(2026, 10, 23) },
      },
    },
    {
      at: Date.UTC(2026, 10, 22, 9, 0, 2),
      event: 'attempt',
      recipients: [{ index: 0, address: 'a@city.test', state: 'relayed', reply: '250 2.0.0 ok\x1b[31m' }],
      facts: {
        host: 'mx.city.test',
        address: '192.0.2.1',
        port: 25,
        seconds: 0.5,
        tls: { protocol: 'TLSv1.3', cipher: 'x', fingerprint: 'ee', verified: true },
        security: { source: 'register', proves: 'dane' },
      },
    },
  ],
}

test('A trace tells what happened to a message in the order in which it happened', async (t) => {
  const { socketPath } = await startAdmin(t, { trace: async () => ({ messages: [found], next: null }) })
  const { code, stdout } = await run(POSTERN, ['trace', '00KX3T9A001', '--socket', socketPath])
  assert.equal(code, 0)
  const [head, ...lines] = stdout.split('\n')
  assert.match(head ?? '', /^00KX3T9A001 {2}received 2026-11-22 09:00:00Z \(.* ago\), from royal, 10 KiB$/)
  assert.deepEqual(lines, [
    '  ward@royal.example.test to 1 recipient, Message-ID <1@royal.example.test>',
    '  Client            10.1.2.3, HELO mail.royal, TLSv1.3 TLS_AES_256_GCM_SHA384',
    '  SHA-256 received  aa',
    '  SHA-256 to go on  bb',
    '  a@city.test: relayed (250 2.0.0 ok\\x1b[31m)',
    '    2026-11-22 09:00:00Z  received',
    '                            virus    continue (data, enforce, 12 ms)',
    '                            tagline  continue (modify, enforce, 3 ms); did: replaceContent; new content, SHA-256 cc before, dd after',
    '                                     a@city.test: pending',
    '    2026-11-22 09:00:01Z  hold       by alice as root, held by operator:alice: ticket, until 2026-11-23 00:00:00Z',
    '    2026-11-22 09:00:02Z  attempt    mx.city.test [192.0.2.1]:25, TLSv1.3 x, certificate ee verified, by register: dane, 0.5 s',
    '                                     a@city.test: relayed (250 2.0.0 ok\\x1b[31m)',
    '',
  ])
})

test('Every filter is handed on, times as spans or moments', async (t) => {
  const { socketPath, traced } = await startAdmin(t)
  const filters = ['-m', '1@x.test', '-f', '<>', '-t', 'a@city.test', '--client', 'royal', '-d', 'city.test']
  const { code, stderr } = await run(POSTERN, [
    'trace',
    ...filters,
    '--since',
    '2h',
    '--until',
    '2100-01-01',
    '--socket',
    socketPath,
  ])
  assert.deepEqual([code, stderr], [0, 'No message matches.\n'])
  const { from, ...query } = traced[0]?.query ?? {}
  assert.ok(Math.abs((from ?? 0) - Date.now() + 7_200_000) < 60_000)
  assert.deepEqual(query, {
    messageId: '<1@x.test>',
    sender: '<>',
    recipient: 'a@city.test',
    client: 'royal',
    domain: 'city.test',
    to: Date.UTC(2100, 0, 1),
  })
})

test('A time that ends before it begins is a slip, and not an empty answer', async () => {
  const { code, stderr } = await run(POSTERN, ['trace', '--since', '2026-11-30', '--until', '2026-11-01'])
  assert.deepEqual([code, stderr], [64, '--until is not after --since: nothing lies between them.\n'])
})

test('A message of which there is no record exits 66', async (t) => {
  const { socketPath } = await startAdmin(t)
  const { code, stderr } = await run(POSTERN, ['trace', '00KX3T9A001', '--socket', socketPath])
  assert.deepEqual([code, stderr], [66, 'No message matches.\nThere is no record of 00KX3T9A001.\n'])
})

test('For programs there is one document, with the messages as the API gives them', async (t) => {
  const { socketPath } = await startAdmin(t, { trace: async () => ({ messages: [found, found], next: 'more' }) })
  const { stdout } = await run(POSTERN, [
    'trace',
    '--client',
    'royal',
    '--limit',
    '2',
    '--json',
    '--socket',
    socketPath,
  ])
  const document = JSON.parse(stdout)
  assert.equal(document.next, 'more')
  assert.equal(document.messages.length, 2)
  assert.equal(document.messages[0].recipients[0].state, 'relayed')
  assert.equal(stdout.split('\n').length, 5, 'one message a line')
})

test('For a help desk it is told in sentences, in the time zone of who asks', async (t) => {
  const { socketPath } = await startAdmin(t, { trace: async () => ({ messages: [found], next: null }) })
  const env = { ...process.env, TZ: 'Europe/Berlin' }
  const { code, stdout } = await run(POSTERN, ['trace', '00KX3T9A001', '--plain', '--socket', socketPath], { env })
  assert.equal(code, 0)
  assert.match(
    stdout,
    /Times are Europe\/Berlin\.\nAccepted from royal \(10\.1\.2\.3\) at 10:00:00 on 22 November 2026 over TLS 1\.3\.\n/,
  )
  assert.match(stdout, /Virus scan clean; tagline changed the content\.\n/)
  assert.match(stdout, /Handed on to mx\.city\.test .* its certificate verified \(dane\)/)
})

import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startNameServer } from '../support/name-server.ts'
import { freePorts } from '../support/ports.ts'
import { rsaKey, writeKey } from '../support/signing.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

const listener = (port: number) => [{ address: '127.0.0.1', port, tls: 'none' }]
const common = { queue: { schedule: ['1s'], backOff: ['1s'], jitter: '0%' }, metrics: { listen: 'off' } }

test('a message is signed by the relay it leaves, proved and sealed by the one it comes to, and cannot be forged', async (t) => {
  const folder = temporaryFolder(t)
  const [trust, sealer] = [rsaKey('trust.test', 's1'), rsaKey('service.test', 'arc1')]
  const zone = {
    // SPF allows nobody, so that the signature alone proves
    'trust.test': { txt: ['v=spf1 -all'] },
    '_dmarc.trust.test': { txt: ['v=DMARC1; p=reject'] },
    [trust.name]: { txt: [trust.record] },
    [sealer.name]: { txt: [sealer.record] },
  }
  const dns = { servers: [(await startNameServer(t, zone)).server] }
  const sink = await startSink(t)
  const [outPort = 0, inPort = 0] = await freePorts(2)
  await startDaemon(t, {
    ...common,
    hostname: 'out.trust.test',
    listeners: listener(outPort),
    clients: [{ name: 'ward', networks: ['127.0.0.0/8'], tls: 'optional', senders: ['@trust.test'] }],
    routes: { default: { hosts: [`127.0.0.1:${inPort}`], tls: 'none' } },
    dns,
    inspect: [{ sign: { domain: 'trust.test', selector: 's1', key: writeKey(join(folder, 'trust.pem'), trust) } }],
  })
  const receiver = await startDaemon(t, {
    ...common,
    hostname: 'mx.service.test',
    listeners: listener(inPort),
    domains: { 'practice.test': { relayTo: [`127.0.0.1:${sink.port}`], tls: 'none' } },
    dns,
    inspect: [
      { authentication: {} },
      { impersonation: {} },
      {
        sign: {
          domain: 'service.test',
          selector: 'arc1',
          key: writeKey(join(folder, 'seal.pem'), sealer),
          seal: ['inbound'],
        },
      },
    ],
  })
  const { bytes } = mail({ from: 'ward@trust.test', to: 'gp@practice.test', body: 'The results.\r\n' })
  const letter = { bytes, from: 'ward@trust.test', to: 'gp@practice.test' }

  // straight to the second relay, as anybody could: nothing proves it
  await assert.rejects(submit({ ...letter, port: inPort }), /550 5\.7\.26/)

  await submit({ ...letter, port: outPort })
  const received = await waitFor(() => sink.messages[0], { what: 'the message' })
  const text = `${received.content}`.replace(/\r\n[ \t]+/g, ' ')
  assert.match(
    text,
    /^Authentication-Results: mx\.service\.test; (?:iprev=\S+ \S+ \S+ )?spf=fail .*dkim=pass header\.d=trust\.test.*dmarc=pass/m,
  )
  assert.match(text, /^ARC-Seal: i=1; a=rsa-sha256; t=\d+; cv=none; d=service\.test; s=arc1; b=/m)
  assert.match(text, /^DKIM-Signature: v=1; .*d=trust\.test; s=s1;/m)

  // what was found stands in the trace
  const id = /by mx\.service\.test \(Postern\) with \S+ id (\S+)/.exec(text)?.[1] ?? ''
  const trace = JSON.stringify(await receiver.json('trace', id))
  assert.match(trace, /"plugin":"authentication".*"dmarc":\{"result":"pass","from":"trust\.test"/)
})

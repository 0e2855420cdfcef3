import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { quietHeader } from '../../../src/deliver/quiet-header.ts'
import { makeCertificate } from '../../support/certs.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { parseReport } from '../../support/report.ts'
import { decideByRoute, scriptedSecurity } from '../../support/security.ts'
import { type Sink, startSink } from '../../support/sink.ts'
import { hosts, routes, startRelay } from './relay.ts'

const CONTENT = [
  'From: Ward 7 <a@royal.example.test>',
  'To: b@example.org',
  'Subject: [secure] biopsy of',
  '\tJane Doe',
  'Comments: positive',
  'X-Patient: 943 476 5919',
  'Message-ID: <one@royal.example.test>',
  'Content-Type: application/pdf; name="biopsy Jane Doe.pdf"',
  'MIME-Version: 1.0',
  '',
  'It is malignant.',
  '',
].join('\r\n')
const LEAK = /biopsy|Jane|positive|943|malignant/i

/** A next hop whose path counts as proven where `proven`, and the sender's own server. */
async function setUp(t: TestContext, proven: boolean, fault: Sink['fault'] = () => null) {
  const certificate = makeCertificate(temporaryFolder(t), 'hop', ['127.0.0.1'])
  const hop = await startSink(t, { fault, tls: proven ? certificate : null, extensions: ['PIPELINING', '8BITMIME'] })
  const home = await startSink(t)
  const tls = { mode: 'opportunistic', verify: false, options: { ca: certificate.cert } } as const
  const security = scriptedSecurity((question) => {
    if (question.need !== 'sensitive') return undefined
    const need = proven ? 'requiretls' : 'none'
    return { ...decideByRoute({ ...question, need }), source: 'register', key: 'register', stopped: null }
  })
  const table = routes({ 'royal.example.test': hosts(home.port) }, { ...hosts(hop.port), tls })
  const relay = await startRelay(t, { security, options: { routes: table, delayNoticeMs: null } })
  const submit = () =>
    relay.submit({ to: 'b@example.org', content: CONTENT, envelope: { sensitive: true, ret: 'full' } })
  return { hop, home, relay, submit }
}

describe('a sensitive message', () => {
  it('goes over a path that is proven', async (t) => {
    const { hop, submit, relay } = await setUp(t, true)
    await submit()
    await relay.quiet()
    assert.deepEqual(
      hop.messages.map(({ tls }) => tls),
      [true],
    )
  })

  it('does not leave by a session that proved nothing, whatever was decided', async (t) => {
    const { hop, submit, relay } = await setUp(t, false)
    await submit()
    await relay.quiet()
    assert.equal(hop.messages.length, 0)
    const { entries } = await relay.spool.list({}, { after: null, limit: 1 })
    assert.match(entries[0]?.recipients[0]?.lastReply ?? '', /451 4\.7\.5 \(relay\) .*sensitive.*not proven/)
  })

  for (const [when, phase] of [
    ['at RCPT', 'rcpt'],
    ['when it has seen all of it', 'end'],
  ] as const) {
    it(`that a server refuses ${when} comes back as a header that says nothing`, async (t) => {
      const { home, submit, relay } = await setUp(t, true, (call) =>
        call.phase === phase ? { reply: '554 5.7.1 spam: "biopsy of Jane Doe"' } : null,
      )
      await submit()
      await relay.quiet()
      const [message] = home.messages
      assert.ok(message)
      const report = parseReport(message.content)
      assert.equal(report.returned?.type, 'text/rfc822-headers')
      const header = report.returned?.body.toString() ?? ''
      assert.match(
        header,
        /^Received: .*\r\nFrom: Ward 7 .*\r\nTo: .*\r\nMessage-ID: .*\r\nContent-Type: application\/pdf\r\n/,
      )
      assert.doesNotMatch(header, LEAK)
      assert.equal(report.perRecipient[0]?.get('status'), '5.7.1')
      if (phase === 'rcpt') return
      assert.doesNotMatch(message.content.toString(), LEAK)
      assert.doesNotMatch(JSON.stringify(relay.log), LEAK)
      assert.match(
        report.perRecipient[0]?.get('diagnostic-code') ?? '',
        /^smtp; 554 5\.7\.1 the words of the server are left out/,
      )
    })
  }

  it('that a server ends with words of its own leaves none of them behind', async (t) => {
    const { submit, relay } = await setUp(t, true, ({ phase }) =>
      phase === 'end' ? { reply: '421 4.7.0 closing because of "biopsy of Jane Doe"' } : null,
    )
    await submit()
    await relay.quiet()
    const { entries } = await relay.spool.list({}, { after: null, limit: 1 })
    assert.doesNotMatch(JSON.stringify([relay.log, entries]), LEAK)
  })
})

describe('the header of a sensitive message', () => {
  it('keeps no field that may speak of its content', () => {
    const header = (text: string) => quietHeader(Buffer.from(text)).toString()
    assert.equal(header('Subject: x\r\nSUBJECT : y\r\nsubject: z\r\n\tmore\r\nDate: today\r\n'), 'Date: today\r\n')
    assert.equal(header('Thread-Topic: x\r\nKeywords: y\r\nContent-Description: z\r\nReply-To: Jane Doe <a@b>\r\n'), '')
    assert.equal(header('Content-Type: text/plain;\r\n name="x"\r\n'), 'Content-Type: text/plain\r\n')
    assert.equal(header('Content-Type: malignant\r\n'), '')
    assert.equal(header('it is malignant\r\nTo: a@b\r\n'), '')
  })
})

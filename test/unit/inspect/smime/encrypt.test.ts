import assert from 'node:assert/strict'
import test, { before, type TestContext } from 'node:test'
import fc from 'fast-check'
import { type EncryptArgs, encryptJob } from '../../../../src/inspect/smime/encrypt-job.ts'
import { type SmimeOptions, smimeMessage } from '../../../../src/inspect/smime/message.ts'
import { memoryContent } from '../../../../src/mail/content.ts'
import { need } from '../../../support/components.ts'
import { temporaryFolder } from '../../../support/folder.ts'
import { AUTHORITY, type Issued, issue, MAIL_USE, openssl } from '../../../support/openssl.ts'
import { pluginContext } from '../../../support/services.ts'
import { bodies, halves, headers, message, PLAIN } from './messages.ts'

let alice: Issued
let bob: Issued
let authority: Issued
let service: Issued

before((t) => {
  const folder = temporaryFolder(t as TestContext)
  authority = issue(folder, 'authority', { extensions: AUTHORITY })
  const extensions = MAIL_USE
  alice = issue(folder, 'alice', { by: authority, emails: ['alice@practice.example'], extensions })
  bob = issue(folder, 'bob', { by: authority, emails: ['bob@practice.example'], extensions })
  service = issue(folder, 'service', { by: authority, emails: ['relay@royal.example.test'], extensions })
})

const options = (more: Partial<SmimeOptions> = {}): SmimeOptions => ({
  certificates: [alice.pem],
  sign: null,
  outerSubject: null,
  now: Date.now(),
  ...more,
})

const opened = (made: Buffer, { keyFile, pemFile }: Issued): Buffer =>
  openssl(['cms', '-decrypt', '-inkey', keyFile, '-recip', pemFile], made)

const verified = (signed: Buffer): Buffer => openssl(['cms', '-verify', '-CAfile', authority.pemFile], signed)

test('openssl opens the message, and finds the fields of the body and the body as they were', (t) => {
  if (!need(t, 'openssl')) return
  const made = smimeMessage(PLAIN, options())
  const inner = halves(opened(made, alice))
  assert.equal(inner.body.toString(), 'Grüße from the ward\r\n')
  assert.equal(
    inner.header,
    'Content-Type: text/plain; charset=utf-8;\r\n format=flowed\r\nContent-Transfer-Encoding: 8bit\r\n',
  )
})

test('the header outside keeps every other field in its place, and says what the message now is', () => {
  const { header } = halves(smimeMessage(PLAIN, options()))
  const before = halves(PLAIN).header.replace('MIME-Version: 1.0\r\n', '')
  const kept = before.replace(/Content-Type: .*\r\n .*\r\n/, '').replace(/Content-Transfer-Encoding: .*\r\n/, '')
  assert.ok(header.startsWith(kept))
  assert.match(header.slice(kept.length), /^MIME-Version: 1\.0\r\nContent-Type: application\/pkcs7-mime; smime-type=/)
})

test('whatever the message holds, it reads the same when it is opened', (t) => {
  if (!need(t, 'openssl')) return
  const signings = fc.boolean()
  fc.assert(
    fc.property(headers, bodies, signings, (header, body, signs) => {
      const original = Buffer.concat([Buffer.from(`${header}\r\n`), body])
      const sign = signs ? service : null
      const made = smimeMessage(original, options({ sign: sign && { key: sign.key, certificate: sign.pem } }))
      const inner = opened(made, alice)
      const read = halves(signs ? entityOf(inner) : inner)
      assert.deepEqual(read.body, body)
      for (const field of header.match(/^content-.*\r\n/gim) ?? []) assert.ok(read.header.includes(field))
    }),
    { numRuns: 25 },
  )
})

/** The signed part of multipart/signed, by its boundary. */
function entityOf(signed: Buffer): Buffer {
  const boundary = /boundary="([^"]+)"/.exec(signed.toString('latin1'))?.[1] ?? ''
  const mark = Buffer.from(`\r\n--${boundary}\r\n`)
  const start = signed.indexOf(mark) + mark.length
  return signed.subarray(start, signed.indexOf(mark, start))
}

test('each of several recipients opens it, and nobody else', (t) => {
  if (!need(t, 'openssl')) return
  const made = smimeMessage(PLAIN, options({ certificates: [alice.pem, bob.pem] }))
  assert.deepEqual(opened(made, alice), opened(made, bob))
  assert.throws(() => opened(made, service))
})

test('what openssl reads of it is AES-256 and RSA, and DER that it writes alike', (t) => {
  if (!need(t, 'openssl')) return
  const made = smimeMessage(PLAIN, options({ certificates: [alice.pem, bob.pem] }))
  const der = Buffer.from(halves(made).body.toString(), 'base64')
  assert.match(openssl(['cms', '-cmsout', '-print', '-inform', 'DER'], der).toString(), /aes-256-cbc/)
  assert.deepEqual(openssl(['cms', '-cmsout', '-inform', 'DER', '-outform', 'DER'], der), der)
})

test('what the service signs verifies against the authority, and no other content does', (t) => {
  if (!need(t, 'openssl')) return
  const sign = { key: service.key, certificate: service.pem }
  const signed = opened(smimeMessage(PLAIN, options({ sign })), alice)
  assert.equal(halves(verified(signed)).body.toString(), 'Grüße from the ward\r\n')
  const forged = Buffer.from(signed.toString('latin1').replace('from the ward', 'from the Ward'), 'latin1')
  assert.throws(() => verified(forged), /content verify error/)
})

test('a signature of any content verifies', (t) => {
  if (!need(t, 'openssl')) return
  const sign = { key: service.key, certificate: service.pem, chain: [authority.pem] }
  // openssl reads text up to a NUL
  const texts = bodies.filter((body) => !body.includes(0))
  fc.assert(
    fc.property(texts, (body) => {
      const original = Buffer.concat([Buffer.from('Content-Type: text/plain\r\n\r\n'), body])
      assert.deepEqual(halves(verified(opened(smimeMessage(original, options({ sign })), alice))).body, body)
    }),
    { numRuns: 8 },
  )
})

test('a subject that is hidden stands inside, with the other true fields and what is seen of them', (t) => {
  if (!need(t, 'openssl')) return
  const made = smimeMessage(PLAIN, options({ outerSubject: '[Secure message]' }))
  const outside = made.subarray(0, made.indexOf('\r\n\r\n')).toString()
  assert.match(outside, /^Subject: \[Secure message\]\r\n/m)
  assert.doesNotMatch(outside, /Jane Doe|Thread-Topic/)
  const { header } = halves(opened(made, alice))
  assert.match(header, /^Subject: Results of\r\n Jane Doe\r\n/m)
  assert.match(header, /^Thread-Topic: Results of Jane Doe\r\n/m)
  assert.match(header, /^HP-Outer: Subject: \[Secure message\]\r\n/m)
  assert.match(header, /^HP-Outer: From: Ward 7 <ward7@royal\.example\.test>\r\n/m)
  assert.match(header, /^Content-Type: text\/plain; charset=utf-8;\r\n format=flowed;\r\n hp="cipher"\r\n/m)
  assert.doesNotMatch(header, /Received|X-Tail|HP-Outer: Thread-Topic/)
})

test('a hidden subject stands once, whether there was none, one, or two', () => {
  for (const subjects of [[], ['Subject: a'], ['Subject: a', 'subject: b']]) {
    const made = smimeMessage(
      message('From: a@b.example', ...subjects, '', 'text'),
      options({ outerSubject: 'ö\r\nX: y' }),
    )
    assert.deepEqual(made.toString('latin1').match(/^(subject|x):.*\r\n/gim), ['Subject: =?UTF-8?B?w7YgIFg6IHk=?=\r\n'])
  }
})

test('odd messages keep what they have: no header, no body, no empty line, lines that are no field', (t) => {
  if (!need(t, 'openssl')) return
  const cases: readonly [string, string, string][] = [
    ['\r\ntext', '', 'text'],
    ['no header at all\r\n', '', 'no header at all\r\n'],
    ['From: a\r\n\r\n', 'From: a\r\n', ''],
    ['From: a', 'From: a\r\n', ''],
    ['', '', ''],
    ['From: a\r\nnot a field\r\nContent-Type: text/html\r\n\r\nb', 'From: a\r\nnot a field\r\n', 'b'],
  ]
  for (const [original, outside, body] of cases) {
    const made = smimeMessage(Buffer.from(original), options())
    assert.ok(made.toString().startsWith(`${outside}MIME-Version: 1.0\r\n`), original)
    assert.equal(halves(opened(made, alice)).body.toString(), body, original)
  }
})

test('the pool makes the same of a message that comes whole and of one that comes in pieces', async (t) => {
  if (!need(t, 'openssl')) return
  const { pool } = pluginContext(t, {}).services
  for (const bytes of [10, 3 * 1024 * 1024]) {
    const original = Buffer.concat([Buffer.from('From: a@b.example\r\n\r\n'), Buffer.alloc(bytes, 'text \r\n')])
    const args = { certificates: [alice.pem], sign: null, outerSubject: null }
    const { message: made } = await pool.run('encrypt', args, memoryContent(original))
    assert.deepEqual(halves(opened(Buffer.from(made), alice)).body, halves(original).body)
  }
})

const job = (args: Partial<EncryptArgs>, bytes = PLAIN) => {
  const all = { certificates: [alice.pem], sign: null, outerSubject: null, ...args }
  return encryptJob(all, { bytes, stream: () => memoryContent(bytes).stream() })
}

test('what cannot be encrypted is refused in words, and bounds hold at their edge', async (t) => {
  if (!need(t, 'openssl')) return
  const folder = temporaryFolder(t)
  const ec = issue(folder, 'ec', { key: 'ec' })
  const short = issue(folder, 'short', { key: 'rsa-1024' })
  await assert.rejects(job({ certificates: [] }), /no certificate/)
  await assert.rejects(job({ certificates: [ec.pem] }), /no RSA key of at least 2048 bits/)
  await assert.rejects(job({ certificates: [alice.pem, short.pem] }), /no RSA key of at least 2048 bits/)
  await assert.rejects(job({ certificates: ['junk'] }), /it is no certificate/)
  await assert.rejects(job({ certificates: ['x'.repeat(100_000)] }), /too large/)
  await assert.rejects(job({ sign: { key: bob.key, certificate: service.pem } }), /not the one of its certificate/)
  await assert.rejects(job({ sign: { key: ec.key, certificate: ec.pem } }), /no RSA key/)
  await assert.rejects(job({ maxBytes: PLAIN.length - 1 }), /has more than/)
  await assert.doesNotReject(job({ maxBytes: PLAIN.length }))
  await assert.rejects(job({ certificates: [alice.pem, bob.pem], maxCertificates: 1 }), /2 certificates are too many/)
  await assert.rejects(job({}, Buffer.alloc(2 * 1024 * 1024, 'X: y\r\n')), /header is too large/)
})

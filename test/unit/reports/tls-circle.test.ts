import assert from 'node:assert/strict'
import test from 'node:test'
import { gunzipSync } from 'node:zlib'
import { decodeBody, leaves, readMime } from '../../../src/mail/mime/index.ts'
import { DAY, deliver, openRoom, START, STS, session } from './harness.ts'

const RECORD = { '_smtp._tls.theirs.test': { txt: ['v=TLSRPTv1; rua=mailto:tls@ours.test'] } }
const expired = { type: 'certificate-expired', text: 'expired on 1 November' } as const

test('what happened with TLS on one day is mailed on the next, and says the same when it is read', async (t) => {
  const room = await openRoom(t, RECORD)
  for (let i = 0; i < 5; i++) room.reports.tlsResults.add(session())
  for (let i = 0; i < 3; i++) room.reports.tlsResults.add(session({ failure: expired }))
  room.reports.tlsResults.add(session({ failure: { type: 'starttls-not-supported', text: '' }, address: '192.0.2.26' }))
  room.clock.goTo(START + DAY * 0.5)
  assert.equal(room.mails.length, 0)
  room.clock.goTo(Date.UTC(2026, 10, 3))
  await room.pass(() => room.mails.length > 0, 'the report')

  const [mail] = room.mails
  assert.ok(mail)
  const text = mail.content.toString('latin1')
  assert.equal(mail.from, 'reports@ours.test')
  assert.match(text, /^TLS-Report-Domain: theirs\.test\r$/m)
  assert.match(text, /^TLS-Report-Submitter: relay\.ours\.test\r$/m)
  assert.match(
    text.replace(/\r\n[ \t]+/g, ' '),
    /^Subject: Report Domain: theirs\.test Submitter: relay\.ours\.test Report-ID: <2026-11-02\.[0-9a-f]{16}@relay\.ours\.test>\r$/m,
  )
  assert.match(text, /^Content-Type: multipart\/report; report-type="tlsrpt";/m)
  assert.match(text, /filename="relay\.ours\.test!theirs\.test!1793577600!1793663999![0-9a-f]{16}\.json\.gz"/)
  assert.ok(text.split('\r\n').every((line) => line.length <= 998 && !line.includes('\n')))

  const part = [...leaves(readMime(mail.content).root)].find(({ type }) => type.full === 'application/tlsrpt+gzip')
  assert.ok(part)
  const json = JSON.parse(gunzipSync(decodeBody(mail.content, part, 1e6).bytes).toString())
  assert.deepEqual(json['date-range'], {
    'start-datetime': '2026-11-02T00:00:00Z',
    'end-datetime': '2026-11-02T23:59:59Z',
  })
  assert.equal(json['organization-name'], 'Our <Trust> & Co')
  assert.deepEqual(json.policies[0].policy, {
    'policy-type': 'sts',
    'policy-string': STS.strings,
    'policy-domain': 'theirs.test',
    'mx-host': STS.mxHosts,
  })
  assert.deepEqual(json.policies[0].summary, { 'total-successful-session-count': 5, 'total-failure-session-count': 4 })
  assert.deepEqual(json.policies[0]['failure-details'][0], {
    'result-type': 'certificate-expired',
    'sending-mta-ip': '198.51.100.1',
    'receiving-mx-hostname': 'mx.theirs.test',
    'receiving-ip': '192.0.2.25',
    'failed-session-count': 3,
    'failure-reason-code': 'expired on 1 November',
  })

  assert.equal(await deliver(room.reports, 'tls@ours.test', mail.content), 'delivered')
  const [listed] = await room.reports.operator.list('tls', { before: null, limit: 10 })
  assert.equal(listed?.organisation, 'Our <Trust> & Co')
  assert.deepEqual([listed?.good, listed?.bad, listed?.domains], [5, 4, ['theirs.test']])
  const shown = await room.reports.operator.show('tls', listed?.id ?? 0)
  assert.ok(shown !== null && 'policies' in shown.report)
  assert.equal(shown.report.begins, Date.UTC(2026, 10, 2))
  assert.equal(shown.report.policies[0]?.failures[0]?.sendingMta, '198.51.100.1')
  const summary = await room.reports.operator.tlsSummary(0)
  assert.deepEqual(summary.domains, [{ domain: 'theirs.test', policy: 'sts', good: 5, bad: 4 }])
  assert.equal(summary.failures[0]?.failure, 'certificate-expired')
})

test('a report goes out once, whatever restarts', async (t) => {
  const room = await openRoom(t, RECORD)
  room.reports.tlsResults.add(session())
  await room.restart()
  room.clock.goTo(Date.UTC(2026, 10, 3))
  await room.pass(() => room.mails.length > 0, 'the report')
  await room.restart()
  const before = room.clock.now()
  await room.pass(() => room.clock.now() > before + 3 * 3_600_000, 'three hours')
  assert.equal(room.mails.length, 1)
})

test('what cannot be delivered is tried again, and given up after a day', async (t) => {
  const room = await openRoom(t, {
    '_smtp._tls.theirs.test': { txt: ['v=TLSRPTv1; rua=mailto:a@theirs.test,https://reports.theirs.test/tls'] },
  })
  room.fault = (to) => (to.startsWith('https:') ? new Error('refused') : null)
  room.reports.tlsResults.add(session())
  room.clock.goTo(Date.UTC(2026, 10, 3))
  await room.pass(() => room.mails.length > 0, 'the mail')
  const overview = () => room.reports.operator.outgoing('tls', 0)
  assert.equal((await overview()).reports[0]?.state, 'pending')
  room.fault = null
  await room.pass(() => room.posts.length > 0, 'the post')
  assert.deepEqual([room.mails.length, room.posts.length], [1, 1])
  await room.pass(async () => (await overview()).reports[0]?.state === 'sent', 'the end')

  room.fault = () => new Error('refused')
  const at = room.clock.now()
  room.reports.tlsResults.add(session({ at }))
  room.clock.goTo(Date.UTC(2026, 10, 4))
  await room.pass(async () => {
    room.clock.advance(3_600_000)
    return (await overview()).reports[0]?.state === 'failed'
  }, 'giving up')
  const [failed] = (await overview()).reports
  assert.ok((failed?.attempts ?? 0) > 3)
  assert.match(failed?.detail ?? '', /refused/)
  assert.ok(room.clock.now() < Date.UTC(2026, 10, 6))
})

test('nothing is sent for a domain that asks for nothing, and a DNS that does not answer is asked again', async (t) => {
  const room = await openRoom(t, {
    ...RECORD,
    '_smtp._tls.two.test': { txt: ['v=TLSRPTv1; rua=mailto:a@b.test', 'v=TLSRPTv1; rua=mailto:c@d.test'] },
  })
  room.resolver.failing.add('txt _smtp._tls.theirs.test')
  for (const domain of ['theirs.test', 'silent.test', 'two.test']) room.reports.tlsResults.add(session({ domain }))
  room.clock.goTo(Date.UTC(2026, 10, 3))
  const states = async () =>
    (await room.reports.operator.outgoing('tls', 0)).reports.map(({ domain, state }) => `${domain} ${state}`)
  const bothAsked = async () => (await states()).filter((each) => each.endsWith('nobody')).length === 2
  await room.pass(bothAsked, 'silence')
  assert.deepEqual(await states(), ['silent.test nobody', 'theirs.test pending', 'two.test nobody'])
  room.resolver.failing.clear()
  await room.pass(() => room.mails.length === 1, 'the report')
})

test('nothing is gathered while nobody is named who reports', async (t) => {
  const room = await openRoom(t, RECORD, { organisation: null })
  room.reports.tlsResults.add(session())
  assert.deepEqual((await room.reports.operator.outgoing('tls', 0)).collecting, [])
})

test('different rows are bounded in memory and for a day, and what is over is one number', async (t) => {
  const room = await openRoom(t, RECORD)
  const limits = { ...room.options.limits, gathered: 8, rowsPerDay: 5 }
  room.reports.update({ ...room.options, limits })
  for (let i = 0; i < 10; i++) room.reports.tlsResults.add(session({ failure: expired, address: `192.0.2.${i}` }))
  const { collecting, overflow } = await room.reports.operator.outgoing('tls', 0)
  assert.deepEqual(
    collecting.map(({ good, bad }) => [good, bad]),
    [[0, 5]],
  )
  assert.deepEqual(
    overflow.map(({ count }) => count),
    [5],
  )
  // a row that is there already counts on
  room.reports.tlsResults.add(session({ failure: expired, address: '192.0.2.0' }))
  assert.equal((await room.reports.operator.outgoing('tls', 0)).collecting[0]?.bad, 6)
})

test('a failure of one mechanism counts for that one alone', async (t) => {
  const room = await openRoom(t, RECORD)
  const tlsa = { type: 'tlsa', strings: ['3 1 1 aa'], domain: 'mx.theirs.test', mxHosts: [] } as const
  room.reports.tlsResults.add(session({ policies: [STS, tlsa], failure: { type: 'tlsa-invalid', text: '' } }))
  room.reports.tlsResults.add(session({ policies: [STS, tlsa] }))
  room.clock.goTo(Date.UTC(2026, 10, 3))
  await room.pass(() => room.mails.length > 0, 'the report')
  await deliver(room.reports, 'tls@ours.test', room.mails[0]?.content ?? Buffer.alloc(0))
  const { domains } = await room.reports.operator.tlsSummary(0)
  assert.deepEqual(domains, [
    { domain: 'mx.theirs.test', policy: 'tlsa', good: 1, bad: 1 },
    { domain: 'theirs.test', policy: 'sts', good: 1, bad: 0 },
  ])
})

import assert from 'node:assert/strict'
import test from 'node:test'
import { crc32, deflateRawSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { Damaged } from '../../../src/reports/incoming/damaged.ts'
import { findReport } from '../../../src/reports/incoming/find.ts'
import { unzipOne } from '../../../src/reports/incoming/zip.ts'
import { REPORT_LIMITS } from '../../../src/reports/options.ts'
import { answerTo, deliver, openRoom } from './harness.ts'

const LIMITS = { ...REPORT_LIMITS, unpackedBytes: 1024 * 1024, receivedRows: 1000 }
const read = (kind: 'tls' | 'dmarc', bytes: Buffer | string, limits = LIMITS) =>
  findReport(Buffer.from(bytes), { kind, bare: true, authservId: null, limits })

const row = (count = 2, ip = '192.0.2.1') => `<record><row><source_ip>${ip}</source_ip><count>${count}</count>
  <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
  <identifiers><header_from>Ours.Test.</header_from></identifiers>
  <auth_results><dkim><domain>ours.test</domain><result>pass</result></dkim></auth_results></record>`
const feedback = (rows: string, id = '1') => `<?xml version="1.0"?>
<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0"><version>1.0</version><report_metadata><org_name>A &amp; &#66;</org_name>
<email>x@a.test</email><report_id>${id}</report_id><date_range><begin>1793577600</begin><end>1793663999</end></date_range>
</report_metadata><policy_published><domain>ours.test</domain><p>none</p></policy_published>${rows}</feedback>`
const tls = (more: object = {}) =>
  JSON.stringify({
    'organization-name': 'A',
    'date-range': { 'start-datetime': '2026-11-02T00:00:00Z', 'end-datetime': '2026-11-02T23:59:59Z' },
    'report-id': '1',
    policies: [
      {
        policy: { 'policy-type': 'sts', 'policy-domain': 'ours.test', 'mx-host': 'mx.ours.test' },
        summary: { 'total-successful-session-count': 3, 'total-failure-session-count': 1 },
        'failure-details': [{ 'result-type': 'starttls-not-supported', 'failed-session-count': 1 }],
      },
    ],
    ...more,
  })

function zip(content: Buffer, { files = 1, method = 8, name = 'r.xml' } = {}): Buffer {
  const packed = method === 8 ? deflateRawSync(content) : content
  const local = Buffer.alloc(30)
  local.writeUInt32LE(0x04034b50, 0)
  local.writeUInt16LE(name.length, 26)
  const central = Buffer.alloc(46)
  central.writeUInt32LE(0x02014b50, 0)
  central.writeUInt16LE(method, 10)
  central.writeUInt32LE(crc32(content), 16)
  central.writeUInt32LE(packed.length, 20)
  central.writeUInt32LE(content.length, 24)
  central.writeUInt16LE(name.length, 28)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(files, 8)
  end.writeUInt16LE(files, 10)
  end.writeUInt32LE(30 + name.length + packed.length, 16)
  return Buffer.concat([local, Buffer.from(name), packed, central, Buffer.from(name), end])
}

const refused = (kind: 'tls' | 'dmarc', bytes: Buffer | string, why: RegExp, limits = LIMITS) =>
  assert.throws(
    () => read(kind, bytes, limits),
    (error) => error instanceof Damaged && why.test(error.message),
  )

test('a report is read plain, from gzip and from a ZIP of one file', () => {
  const xml = feedback(row())
  for (const bytes of [Buffer.from(xml), gzipSync(xml), zip(Buffer.from(xml)), zip(Buffer.from(xml), { method: 0 })]) {
    const found = read('dmarc', bytes)
    assert.equal(found.report.organisation, 'A & B')
    assert.deepEqual([found.good, found.bad, found.domains], [2, 0, ['ours.test']])
    assert.ok('rows' in found.report)
    assert.equal(found.report.rows[0]?.headerFrom, 'ours.test')
  }
  const { report, good, bad } = read('tls', gzipSync(tls()))
  assert.ok('policies' in report)
  assert.deepEqual([good, bad, report.policies[0]?.mxHosts], [3, 1, ['mx.ours.test']])
})

test('names of elements may have prefixes, and there may be no rows', () => {
  const xml = feedback('').replace(/<(\/?)(?!\?)/g, '<$1f:')
  assert.deepEqual(read('dmarc', xml).report.reportId, '1')
})

test('a bomb of gzip or ZIP is given up at the limit', () => {
  const zeros = Buffer.alloc(64 * 1024 * 1024)
  refused('tls', gzipSync(zeros), /^more than 1048576 bytes$/)
  refused('dmarc', zip(zeros), /^more than 1048576 bytes$/)
  refused('dmarc', Buffer.alloc(LIMITS.unpackedBytes + 1, 32), /^more than 1048576 bytes$/)
  const xml = feedback(row())
  const exact = { ...LIMITS, unpackedBytes: Buffer.byteLength(xml) }
  assert.ok(read('dmarc', gzipSync(xml), exact))
  refused('dmarc', gzipSync(`${xml} `), /^more than/, exact)
})

test('XML declares nothing, nests no deeper and has no more rows than allowed', () => {
  const laughs = '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
  refused('dmarc', feedback(row()).replace('<feedback', `${laughs}<feedback`), /DOCTYPE/)
  refused('dmarc', feedback('<a>'.repeat(50) + '</a>'.repeat(50)), /levels/)
  assert.ok(read('dmarc', feedback(row().repeat(1000))))
  refused('dmarc', feedback(row().repeat(1001)), /more than 1000 rows/)
  refused('dmarc', feedback(`${row()}<extra>`), /do not end/)
  refused('dmarc', `${feedback(row())}<open`, /within a tag/)
  refused('dmarc', feedback('<!-- never closed'), /within a tag/)
  refused('dmarc', feedback(row(1, '\0')), /NUL/)
  refused('dmarc', '<a'.repeat(500_000), /within a tag/)
})

test('entities of XML are read once, and no others', () => {
  const { report } = read('dmarc', feedback(row(), '&amp;lt;&#x41;&unknown;&#0;'))
  assert.equal(report.reportId, '&lt;A&unknown;&#0;')
})

test('a hundred thousand rows of JSON are too many, and wrong types are no report', () => {
  const failures = Array.from({ length: 100_000 }, () => ({ 'result-type': 'x' }))
  const policies = [
    { policy: { 'policy-type': 'sts', 'policy-domain': 'a.test' }, summary: {}, 'failure-details': failures },
  ]
  refused('tls', tls({ policies }), /no TLS report|more than/, { ...LIMITS, unpackedBytes: 1e7 })
  const half = [{ ...policies[0], 'failure-details': failures.slice(0, 600) }]
  refused('tls', tls({ policies: [...half, ...half] }), /more than 1000 rows/)
  for (const wrong of [
    { policies: 'x' },
    { policies: [null] },
    { 'report-id': '' },
    { 'date-range': { 'start-datetime': 'x' } },
  ]) {
    refused('tls', tls(wrong), /no TLS report/)
  }
  refused('tls', '[[[[', /no JSON/)
  refused('tls', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, /no TLS report/)
  refused('dmarc', '<other/>', /no DMARC report/)
  refused('dmarc', feedback(row()).replace('1793577600', '99999999999999'), /time/)
})

test('numbers that are none count nothing, and text is kept short and on one line', () => {
  const found = read('dmarc', feedback(row(Number.NaN), `a\nb${'x'.repeat(1000)}`))
  assert.equal(found.good, 0)
  assert.match(found.report.reportId, /^a bx+$/)
  assert.equal(found.report.reportId.length, 255)
  assert.equal(read('dmarc', feedback(row(-5) + row(1e300))).good, 1e12)
})

test('an archive of two files, or one whose checksum is wrong, is not read', () => {
  const xml = Buffer.from(feedback(row()))
  refused('dmarc', zip(xml, { files: 2 }), /2 files/)
  refused('dmarc', zip(xml, { method: 12 }), /unknown method/)
  const wrong = zip(xml, { method: 0 })
  wrong.writeUInt8(0x20, 60)
  refused('dmarc', wrong, /damaged archive/)
})

test('whatever the bytes are, reading ends in a report or in Damaged', () => {
  const seeds = [Buffer.from(feedback(row())), gzipSync(tls()), zip(Buffer.from(feedback(row()))), Buffer.from(tls())]
  const broken = fc
    .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 8 }), fc.nat(2000))
    .map(([seed, changes, cut]) => {
      const bytes = Buffer.from(cut < 200 ? seed.subarray(0, cut) : seed)
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value
      return bytes
    })
  fc.assert(
    fc.property(fc.oneof(broken, fc.uint8Array({ maxLength: 200 })), fc.constantFrom('tls', 'dmarc'), (bytes, kind) => {
      try {
        const { report } = read(kind as 'tls', Buffer.from(bytes))
        JSON.stringify({ ...report, begins: new Date(report.begins).toISOString() })
      } catch (error) {
        if (!(error instanceof Damaged)) throw error
      }
    }),
    { numRuns: 400 },
  )
})

test('whatever the bytes are, the archive reader stays within them', () => {
  const any = fc.uint8Array({ minLength: 22, maxLength: 300 })
  fc.assert(
    fc.property(any, fc.nat(300), (noise, offset) => {
      const bytes = Buffer.concat([zip(Buffer.from('x'.repeat(50))).subarray(0, 60), noise, Buffer.alloc(22)])
      bytes.writeUInt32LE(0x06054b50, bytes.length - 22)
      bytes.writeUInt16LE(1, bytes.length - 12)
      bytes.writeUInt32LE(offset, bytes.length - 6)
      assert.throws(() => unzipOne(bytes, 1000), Damaged)
    }),
  )
})

const mail = (attached: Buffer, type = 'application/gzip') =>
  Buffer.from(
    `From: Reports <noreply@A.test>\r\nTo: dmarc@ours.test\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\n\r\n${attached.toString('base64')}\r\n--b--\r\n`,
  )

test('damaged reports are taken and counted, the same one is kept once, and strangers are refused', async (t) => {
  const room = await openRoom(t)
  const { reports } = room
  assert.equal(await deliver(reports, 'dmarc@ours.test', mail(Buffer.from('junk'))), 'delivered')
  assert.equal(await deliver(reports, 'dmarc@ours.test', mail(Buffer.alloc(0), 'image/png')), 'delivered')
  for (let i = 0; i < 2; i++)
    assert.equal(await deliver(reports, 'DMARC@ours.test', mail(gzipSync(feedback(row())))), 'delivered')
  assert.equal(await deliver(reports, 'somebody@ours.test', mail(gzipSync(feedback(row())))), 'failed')
  const summary = await reports.operator.dmarcSummary(0)
  assert.deepEqual([summary.reports, summary.damaged], [1, 2])
  const again = await reports.operator.import('dmarc', gzipSync(feedback(row())))
  // imported: of another sender, so that a forged report cannot keep the true one out
  assert.equal(again.is, 'stored')
  assert.equal((await reports.operator.import('dmarc', gzipSync(feedback(row())))).is, 'known')
  assert.equal((await reports.operator.import('tls', Buffer.from('{'))).is, 'damaged')
})

test('a report whose sender is not proven is kept apart, and results of others are not believed', async (t) => {
  const { reports } = await openRoom(t)
  const results = (id: string, text: string) => `Authentication-Results: ${id}; ${text}\r\n`
  const send = (id: string, prefix: string) =>
    deliver(reports, 'dmarc@ours.test', mail(gzipSync(feedback(row(), id))), prefix)
  await send(
    '1',
    results('relay.ours.test', 'spf=fail smtp.mailfrom=x; dkim=pass header.d=a.test; dmarc=pass header.from=a.test'),
  )
  await send('2', results('relay.ours.test', 'dkim=fail (dkim=pass) header.d=a.test; dmarc=fail header.from=a.test'))
  await send('3', results('else.test', 'dkim=pass; dmarc=pass'))
  await send('4', results('relay.ours.test', 'dkim=pass header.d=a.test; dmarc=none'))
  // signed, and not by the domain in From
  await send('5', results('relay.ours.test', 'dkim=pass header.d=evil.test header.s=a.test; dmarc=none'))
  await send('7', results('relay.ours.test', 'dkim=pass header.i=@mail.a.test header.s=x header.b=abc; dmarc=none'))
  await send('8', results('relay.ours.test', 'dkim=pass header.i="x header.d=a.test"@evil.test; dmarc=none'))
  await send('6', results('relay.ours.test', 'dkim=fail header.d=a.test; dkim=pass header.d=test; dmarc=none'))
  const found = await reports.operator.list('dmarc', { before: null, limit: 10 })
  assert.deepEqual(
    found.map(({ reportId, proven }) => [reportId, proven]),
    [
      ['6', false],
      ['8', false],
      ['7', true],
      ['5', false],
      ['4', true],
      ['3', null],
      ['2', false],
      ['1', true],
    ],
  )
  const { reports: counted, unproven } = await reports.operator.dmarcSummary(0)
  assert.deepEqual([counted, unproven], [4, 4])
})

test('what is kept of one day is bounded', async (t) => {
  const room = await openRoom(t)
  room.reports.update({ ...room.options, limits: { ...room.options.limits, receivedPerDay: 2 } })
  const outcomes: string[] = []
  for (const id of ['1', '2', '3'])
    outcomes.push((await room.reports.operator.import('dmarc', Buffer.from(feedback(row(), id)))).is)
  assert.deepEqual(outcomes, ['stored', 'stored', 'dropped'])
  room.reports.update({ ...room.options, limits: { ...room.options.limits, receivedBytesPerDay: 10 } })
  assert.equal((await room.reports.operator.import('dmarc', Buffer.from(feedback(row(), '4')))).is, 'dropped')
})

test('forged reports fill half of what is kept of a day at the most', async (t) => {
  const room = await openRoom(t)
  room.reports.update({ ...room.options, limits: { ...room.options.limits, receivedPerDay: 4 } })
  const send = (id: string, result: string) => {
    const prefix = `Authentication-Results: relay.ours.test; dmarc=${result} header.from=a.test\r\n`
    return deliver(room.reports, 'dmarc@ours.test', mail(gzipSync(feedback(row(), id))), prefix)
  }
  for (const id of ['1', '2', '3', '4', '5']) await send(id, 'fail')
  for (const id of ['6', '7', '8']) await send(id, 'pass')
  const found = await room.reports.operator.list('dmarc', { before: null, limit: 10 })
  assert.deepEqual(
    found.map(({ reportId }) => reportId),
    ['7', '6', '2', '1'],
  )
})

test('the answer, which the trace shows, says whether it was read', async (t) => {
  const room = await openRoom(t)
  const said = async (content: Buffer) =>
    (await answerTo(room.reports, 'dmarc@ours.test', content))?.reply.lines.join(' ')
  assert.equal(await said(mail(gzipSync(feedback(row())))), 'Read as a report')
  assert.equal(
    await said(mail(Buffer.from('junk'))),
    'Taken and not kept as a report: no DMARC report: there is no feedback',
  )
})

test('a message larger than what is read is taken and not read', async (t) => {
  const room = await openRoom(t)
  const bytes = mail(gzipSync(feedback(row())))
  const limited = (messageBytes: number) =>
    room.reports.update({ ...room.options, limits: { ...room.options.limits, messageBytes } })
  limited(bytes.length - 1)
  assert.equal(await deliver(room.reports, 'dmarc@ours.test', bytes), 'delivered')
  assert.equal((await room.reports.operator.dmarcSummary(0)).reports, 0)
  limited(bytes.length)
  await deliver(room.reports, 'dmarc@ours.test', bytes)
  assert.equal((await room.reports.operator.dmarcSummary(0)).reports, 1)
})

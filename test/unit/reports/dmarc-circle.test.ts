import assert from 'node:assert/strict'
import test from 'node:test'
import { gunzipSync } from 'node:zlib'
import { decodeBody, leaves, readMime } from '../../../src/mail/mime/index.ts'
import { deliver, judged, openRoom } from './harness.ts'

const record = (rua: string) => ({ txt: [`v=DMARC1; p=reject; rua=${rua}`] })
const MIDNIGHT = Date.UTC(2026, 10, 3)

function xmlIn(mail: Buffer): string {
  const part = [...leaves(readMime(mail).root)].find(({ type }) => type.full === 'application/gzip')
  assert.ok(part)
  return gunzipSync(decodeBody(mail, part, 1e6).bytes).toString()
}

test('what DMARC found on one day is mailed on the next, and says the same when it is read', async (t) => {
  const room = await openRoom(t, { '_dmarc.theirs.test': record('mailto:dmarc@theirs.test!10m') })
  for (let i = 0; i < 4; i++) room.reports.dmarcObservations.add(judged())
  const aligned = judged({ sourceIp: '2001:db8::1', disposition: 'none', dkimAligned: true, envelopeFrom: '' })
  room.reports.dmarcObservations.add(aligned)
  const allowed = judged({ disposition: 'none', override: { type: 'local_policy', comment: 'arc=pass' } })
  room.reports.dmarcObservations.add(allowed)
  room.clock.goTo(MIDNIGHT)
  await room.pass(() => room.mails.length > 0, 'the report')
  const [mail] = room.mails
  assert.ok(mail)
  assert.equal(mail.to, 'dmarc@theirs.test')
  const text = mail.content.toString('latin1').replace(/\r\n[ \t]+/g, ' ')
  assert.match(text, /^Subject: Report Domain: theirs\.test Submitter: relay\.ours\.test Report-ID: <2026-11-02\./m)
  assert.match(text, /filename="relay\.ours\.test!theirs\.test!1793577600!1793663999!\w+\.xml\.gz"/)
  const xml = xmlIn(mail.content)
  assert.match(xml, /<org_name>Our &lt;Trust&gt; &amp; Co<\/org_name>/)
  assert.match(xml, /<selector>s&lt;1&gt;<\/selector>/)

  assert.equal(await deliver(room.reports, 'dmarc@ours.test', mail.content), 'delivered')
  const [listed] = await room.reports.operator.list('dmarc', { before: null, limit: 1 })
  assert.deepEqual([listed?.good, listed?.bad], [1, 5])
  const shown = await room.reports.operator.show('dmarc', listed?.id ?? 0)
  assert.ok(shown !== null && 'rows' in shown.report)
  assert.deepEqual(shown.report.published, {
    domain: 'theirs.test',
    p: 'reject',
    sp: 'reject',
    adkim: 'r',
    aspf: 's',
    pct: 100,
  })
  assert.deepEqual(shown.report.rows[0], {
    sourceIp: '192.0.2.77',
    count: 4,
    disposition: 'reject',
    dkimAligned: false,
    spfAligned: false,
    reasons: [],
    headerFrom: 'theirs.test',
    envelopeFrom: 'bounces.theirs.test',
    envelopeTo: 'ours.test',
    dkim: [{ domain: 'else.test', selector: 's<1>', result: 'pass' }],
    spf: [{ domain: 'bounces.theirs.test', scope: 'mfrom', result: 'softfail' }],
  })
  const reasons = shown.report.rows.flatMap((row) => row.reasons)
  assert.deepEqual(reasons, [{ type: 'local_policy', comment: 'arc=pass' }])
  const { sources } = await room.reports.operator.dmarcSummary(0)
  assert.deepEqual(sources[0], {
    sourceIp: '192.0.2.77',
    headerFrom: 'theirs.test',
    dkim: 0,
    spf: 0,
    aligned: 0,
    unaligned: 5,
    refused: 4,
  })
})

test('reports go elsewhere only where that agreed, and not where they are too large', async (t) => {
  const room = await openRoom(t, {
    '_dmarc.theirs.test': record(
      'mailto:a@agreed.test,mailto:b@victim.test,mailto:c@sub.theirs.test!1k,mailto:d@theirs.test!10',
    ),
    'theirs.test._report._dmarc.agreed.test': { txt: ['v=DMARC1'] },
  })
  room.reports.dmarcObservations.add(judged())
  room.clock.goTo(MIDNIGHT)
  const first = async () => (await room.reports.operator.outgoing('dmarc', 0)).reports[0]
  await room.pass(async () => (await first())?.state === 'sent', 'the end')
  assert.deepEqual(room.mails.map(({ to }) => to).sort(), ['a@agreed.test', 'c@sub.theirs.test'])
  const refused = (await first())?.destinations.find(({ uri }) => uri === 'mailto:d@theirs.test')
  assert.equal(refused?.state, 'refused')
  assert.match(refused?.detail ?? '', /more than it takes/)
})

test('nobody is sent reports of another domain because that domain says so', async (t) => {
  const room = await openRoom(t, { '_dmarc.theirs.test': record('mailto:victim@victim.test') })
  room.reports.dmarcObservations.add(judged())
  room.clock.goTo(MIDNIGHT)
  const first = async () => (await room.reports.operator.outgoing('dmarc', 0)).reports[0]
  await room.pass(async () => (await first())?.state === 'nobody', 'the end')
  assert.equal(room.mails.length, 0)
  assert.match((await first())?.detail ?? '', /agreed/)
})

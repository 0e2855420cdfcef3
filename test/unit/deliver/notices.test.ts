import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { DELIVER_DEFAULTS } from '../../../src/deliver/options.ts'
import type { Envelope, NotifyCondition } from '../../../src/mail/envelope.ts'
import { parseReport } from '../../support/report.ts'
import { type Sink, startSink } from '../../support/sink.ts'
import { DEFAULT_CONTENT, hosts, type RelaySetting, routes, startRelay } from './relay.ts'

const SENDER = 'nurse@royal.example.test'
const NO_DSN = ['PIPELINING', '8BITMIME']

/** A next hop for example.org, and the sender's own server, which gets the notices. */
async function setUp(
  t: TestContext,
  fault: Sink['fault'] = () => null,
  extra: RelaySetting['options'] & { dsn?: boolean } = {},
) {
  const { dsn = false, ...options } = extra
  const hop = await startSink(t, { fault, ...(!dsn && { extensions: NO_DSN }) })
  const home = await startSink(t)
  const table = routes({ 'royal.example.test': hosts(home.port) }, hosts(hop.port))
  const relay = await startRelay(t, { options: { routes: table, ...options } })
  const reports = () => home.messages.map(({ content }) => parseReport(content))
  return { hop, home, relay, reports }
}

const refuse =
  (reply: string): Sink['fault'] =>
  ({ phase }) =>
    phase === 'rcpt' ? { reply } : null

describe('a bounce', () => {
  it('is on record with its hash', async (t) => {
    const { relay, home } = await setUp(t, refuse('550 5.1.1 no such user'))
    await relay.submit({ to: 'nobody@example.org' })
    await relay.quiet()
    const db = new Database(join(relay.folder, 'spool.db'), { readonly: true })
    const entries = db.prepare("SELECT data FROM journal WHERE event = 'received'").pluck().all() as string[]
    db.close()
    const { facts } = entries.map((data) => JSON.parse(data)).find((entry) => entry.facts.notification === 'failed')
    const sent = home.messages[0]?.content ?? Buffer.alloc(0)
    assert.deepEqual(facts.sha256, { stored: createHash('sha256').update(sent).digest('hex') })
  })

  it('tells of the failure in every field', async (t) => {
    const { relay, home, reports } = await setUp(t, refuse('550 5.1.1 no such user'))
    const queueId = await relay.submit({
      to: [{ to: 'nobody@example.org', orcpt: 'rfc822;No+2Bbody@example.org' }],
      envelope: { envid: 'my+2Did' },
    })
    await relay.quiet()
    const [report] = reports()
    assert.ok(report)
    assert.equal(home.messages[0]?.mailFrom, '')
    assert.deepEqual(
      home.messages[0]?.rcptTo.map((to) => to.address),
      [SENDER],
    )
    assert.equal(report.header.get('from'), '"Mail delivery" <MAILER-DAEMON@relay.example.test>')
    assert.equal(report.header.get('to'), `<${SENDER}>`)
    assert.equal(report.header.get('in-reply-to'), '<one@royal.example.test>')
    assert.match(report.header.get('message-id') ?? '', /^<[0-9a-f-]{36}@relay\.example\.test>$/)
    assert.deepEqual(Object.fromEntries(report.perMessage), {
      'reporting-mta': 'dns; relay.example.test',
      'original-envelope-id': 'my-id',
      'arrival-date': 'Mon, 2 Nov 2026 09:00:00 +0000',
      'x-postern-queue-id': queueId,
    })
    assert.deepEqual(
      report.perRecipient.map((group) => Object.fromEntries(group)),
      [
        {
          'original-recipient': 'rfc822; No+body@example.org',
          'final-recipient': 'rfc822; nobody@example.org',
          action: 'failed',
          status: '5.1.1',
          'remote-mta': 'dns; 127.0.0.1',
          'diagnostic-code': 'smtp; 550 5.1.1 no such user',
          'last-attempt-date': 'Mon, 2 Nov 2026 09:00:00 +0000',
        },
      ],
    )
    assert.equal(report.returned?.type, 'text/rfc822-headers')
    assert.equal(report.returned?.body.toString(), `Received: from test\r\n${DEFAULT_CONTENT.split('\r\n\r\n')[0]}\r\n`)
  })

  it('joins recipients that failed in one attempt, and leaves out those that did not', async (t) => {
    const { relay, hop, reports } = await setUp(t, ({ phase, line }) => {
      if (phase !== 'rcpt') return null
      if (line.includes('bad')) return { reply: '550 5.1.1 no such user' }
      return line.includes('later') ? { reply: '450 4.2.1 later' } : null
    })
    await relay.submit({ to: ['bad1@example.org', 'good@example.org', 'later@example.org', 'bad2@example.org'] })
    await relay.quiet()
    assert.equal(hop.messages.length, 1)
    assert.equal(reports().length, 1)
    assert.deepEqual(
      reports()[0]?.perRecipient.map((group) => group.get('final-recipient')),
      ['rfc822; bad1@example.org', 'rfc822; bad2@example.org'],
    )
    const { entries } = await relay.spool.list({}, { after: null, limit: 10 })
    assert.deepEqual(
      entries.flatMap(({ recipients }) => recipients.map((each) => each.address)),
      ['later@example.org'],
    )
  })

  it('returns all of a message where its client wants that, and only the header of one from outside', async (t) => {
    const { relay, reports } = await setUp(t, refuse('550 5.1.1 no'))
    await relay.submit({ to: 'a@example.org', envelope: { ret: 'full' } })
    await relay.submit({ to: 'b@example.org', envelope: { ret: 'full' }, client: '*' })
    await relay.quiet()
    const bodies = reports().map(({ returned }) => /Hello/.test(returned?.body.toString() ?? ''))
    assert.deepEqual(bodies.sort(), [false, true])
  })

  it('gives a reply without an enhanced status the general one', async (t) => {
    const { relay, reports } = await setUp(t, refuse('550 no'))
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.equal(reports()[0]?.perRecipient[0]?.get('status'), '5.0.0')
  })

  it('tells what this relay itself found out as its own words', async (t) => {
    const home = await startSink(t)
    const table = routes({ 'royal.example.test': hosts(home.port) })
    const relay = await startRelay(t, { zone: { 'null.test': { mx: [[0, '']] } }, options: { routes: table } })
    await relay.submit({ to: ['a@null.test', 'a@nowhere.test'] })
    await relay.quiet()
    const groups = home.messages.flatMap(({ content }) => parseReport(content).perRecipient)
    assert.deepEqual(
      groups.map((group) => [group.get('status'), group.get('remote-mta'), group.get('diagnostic-code')]).sort(),
      [
        ['5.1.10', undefined, 'x-postern; 556 5.1.10 (relay) null.test takes no mail (null MX)'],
        ['5.1.2', undefined, 'x-postern; 550 5.1.2 (relay) the domain nowhere.test does not exist'],
      ],
    )
  })

  it('is never sent for a bounce', async (t) => {
    const { relay, home } = await setUp(t, refuse('550 5.1.1 no such user'))
    await relay.submit({ from: null, to: 'a@example.org' })
    await relay.quiet()
    assert.equal(home.messages.length, 0)
    assert.deepEqual((await relay.spool.summary()).states, { pending: 0, leased: 0, held: 0 })
  })

  it('of a bounce goes to the postmaster where the operator wants it, and no further', async (t) => {
    const postmaster = { local: 'postmaster', domain: 'royal.example.test' }
    const notifications = { ...DELIVER_DEFAULTS.notifications, postmaster }
    const { relay, home } = await setUp(t, refuse('550 5.1.1 no such user'), { notifications })
    home.fault = refuse('550 5.2.1 closed')
    await relay.submit({ from: null, to: 'a@example.org' })
    await relay.quiet()
    assert.equal(relay.counted.get('postern_failed_total{address}'), 1)
    assert.equal(relay.counted.get('postern_failed_total{mailbox}'), 1, 'the postmaster was told, in vain')
    assert.deepEqual((await relay.spool.summary()).states, { pending: 0, leased: 0, held: 0 })
  })
})

describe('what is returned', () => {
  const big = `Subject: big\r\n\r\n${'x'.repeat(70)}\r\n`.padEnd(200_000, 'y\r\n')
  const cases: [title: string, ret: Envelope['ret'], returned: 'full' | 'headers', content: string, type: string][] = [
    ['is the header where nothing was said', null, 'headers', DEFAULT_CONTENT, 'text/rfc822-headers'],
    [
      'is the message where nothing was said and the operator wants that',
      null,
      'full',
      DEFAULT_CONTENT,
      'message/rfc822',
    ],
    ['is the header with RET=HDRS', 'hdrs', 'full', DEFAULT_CONTENT, 'text/rfc822-headers'],
    ['is the message with RET=FULL', 'full', 'headers', DEFAULT_CONTENT, 'message/rfc822'],
    ['is the header of a large message', 'full', 'headers', big, 'text/rfc822-headers'],
  ]
  for (const [title, ret, returned, content, type] of cases) {
    it(title, async (t) => {
      const notifications = { ...DELIVER_DEFAULTS.notifications, returned }
      const { relay, reports } = await setUp(t, refuse('550 5.1.1 no'), { notifications })
      await relay.submit({ to: 'a@example.org', envelope: { ret }, content })
      await relay.quiet()
      const [report] = reports()
      assert.equal(report?.returned?.type, type)
      if (type === 'message/rfc822')
        assert.equal(report?.returned?.body.toString(), `Received: from test\r\n${content}`)
      else assert.doesNotMatch(report?.returned?.body.toString() ?? '', /Hello|xxx/)
    })
  }
})

describe('every combination of NOTIFY and what became of the message', () => {
  const NOTIFY: (NotifyCondition[] | null)[] = [
    null,
    ['never'],
    ['failure'],
    ['delay'],
    ['success'],
    ['success', 'failure'],
    ['failure', 'delay'],
    ['success', 'delay'],
    ['success', 'failure', 'delay'],
  ]
  const wants = (notify: NotifyCondition[] | null, event: NotifyCondition) =>
    (notify ?? ['failure', 'delay']).includes(event)

  for (const dsn of [false, true]) {
    it(`tells those who want to hear it, and nobody else, ${dsn ? 'where the next hop has DSN' : 'where it has not'}`, async (t) => {
      const { relay, hop, reports } = await setUp(
        t,
        ({ phase, line }) => {
          if (phase !== 'rcpt') return null
          if (line.includes('failed')) return { reply: '550 5.1.1 no such user' }
          return line.includes('delayed') ? { reply: '450 4.2.1 later' } : null
        },
        { dsn },
      )
      const expected: string[] = []
      for (const [i, notify] of NOTIFY.entries()) {
        for (const what of ['failed', 'delayed', 'relayed']) {
          const to = `${what}${i}@example.org`
          await relay.submit({ to: [{ to, notify }] })
          if (what === 'failed' && wants(notify, 'failure')) expected.push(`failed ${to} 5.1.1`)
          if (what === 'delayed' && wants(notify, 'delay')) expected.push(`delayed ${to} 4.2.1`)
          if (what === 'relayed' && wants(notify, 'success') && !dsn) expected.push(`relayed ${to} 2.0.0`)
        }
      }
      await relay.quiet()
      await relay.advance(4 * 3_600_000 + 120_000)
      const told = reports().flatMap(({ perRecipient }) =>
        perRecipient.map(
          (group) => `${group.get('action')} ${group.get('final-recipient')?.slice(8)} ${group.get('status')}`,
        ),
      )
      assert.deepEqual(told.sort(), expected.sort())
      const asked = hop.messages.map(({ rcptTo }) => /NOTIFY=\S+/.exec(rcptTo[0]?.parameters ?? '')?.[0] ?? '')
      assert.equal(asked.filter(Boolean).length, dsn ? NOTIFY.length - 1 : 0)
    })
  }
})

describe('a notice of success', () => {
  it('from a mailbox says delivered', async (t) => {
    const home = await startSink(t)
    const table = routes({ 'royal.example.test': hosts(home.port) }, { via: 'store' })
    const store = {
      deliver: async () => [{ is: 'delivered' as const, reply: { code: 250, enhanced: '2.1.5', lines: ['ok'] } }],
    }
    const relay = await startRelay(t, { options: { routes: table }, store })
    await relay.submit({ to: [{ to: 'a@example.org', notify: ['success'] }] })
    await relay.quiet()
    const [report] = home.messages.map(({ content }) => parseReport(content))
    assert.equal(report?.perRecipient[0]?.get('action'), 'delivered')
    assert.equal(report?.perRecipient[0]?.get('remote-mta'), undefined)
    assert.match(report?.human ?? '', /was delivered to this\s+address/)
  })
})

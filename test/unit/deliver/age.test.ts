import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { DELIVER_DEFAULTS } from '../../../src/deliver/options.ts'
import type { Hold } from '../../../src/spool/contract.ts'
import { freePort } from '../../support/ports.ts'
import { parseReport } from '../../support/report.ts'
import { startSink } from '../../support/sink.ts'
import { waitFor } from '../../support/wait.ts'
import { hosts, newMessage, type RelaySetting, routes, startRelay } from './relay.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

async function setUp(t: TestContext, options: RelaySetting['options'] = {}) {
  const home = await startSink(t)
  const table = routes({ 'royal.example.test': hosts(home.port) }, hosts(await freePort()))
  const relay = await startRelay(t, { options: { routes: table, ...options } })
  const reports = () => home.messages.map(({ content }) => parseReport(content))
  return { home, relay, reports, start: relay.clock.now() }
}

describe('a delay notice', () => {
  it('comes once, after its time, and says until when it is tried', async (t) => {
    const { relay, reports, start } = await setUp(t)
    await relay.submit({ to: ['a@example.org', 'b@example.net'], envelope: { envid: 'E1' } })
    await relay.goTo(start + 4 * HOUR - 60_000)
    assert.equal(reports().length, 0)
    await relay.goTo(start + 12 * HOUR)
    assert.equal(reports().length, 2, 'one for each destination')
    const [report] = reports()
    assert.equal(report?.header.get('subject'), 'Your message is delayed')
    assert.equal(report?.perMessage.get('original-envelope-id'), 'E1')
    const group = report?.perRecipient[0]
    assert.equal(group?.get('action'), 'delayed')
    assert.equal(group?.get('status'), '4.4.1')
    assert.equal(group?.get('will-retry-until'), 'Sat, 7 Nov 2026 09:00:00 +0000')
    assert.match(group?.get('diagnostic-code') ?? '', /^x-postern; .*connection refused/)
    assert.equal(report?.returned?.type, 'text/rfc822-headers')
  })

  it('is on record with the recipients of whom the sender wanted none', async (t) => {
    const { relay } = await setUp(t)
    await relay.submit({ to: ['a@example.org', { to: 'b@example.org', notify: ['failure'] }] })
    await relay.advance(6 * HOUR)
    const db = new Database(join(relay.folder, 'spool.db'), { readonly: true })
    const entries = db.prepare("SELECT data FROM journal WHERE event = 'notice'").pluck().all() as string[]
    db.close()
    assert.deepEqual(
      entries.map((data) => JSON.parse(data).facts),
      [{ told: true, untold: [1], notices: [JSON.parse(entries[0] ?? '').facts.notices[0]] }],
    )
  })

  it('is never sent where the operator switched it off, nor for a bounce', async (t) => {
    const off = await setUp(t, { delayNoticeMs: null })
    await off.relay.submit({ to: 'a@example.org' })
    await off.relay.advance(6 * HOUR)
    assert.equal(off.reports().length, 0)
    const bounce = await setUp(t)
    await bounce.relay.submit({ from: null, to: 'a@example.org' })
    await bounce.relay.advance(6 * HOUR)
    assert.equal(bounce.home.connections, 0)
  })
})

describe('a message that is too old', () => {
  it('goes back to its sender with the last reason and the time that it waited', async (t) => {
    const { relay, reports, start } = await setUp(t, { delayNoticeMs: null })
    await relay.submit({ to: 'a@example.org' })
    await relay.goTo(start + 5 * DAY - 60_000)
    assert.equal(reports().length, 0)
    await relay.goTo(start + 5 * DAY + 5 * 60_000)
    const [report] = reports()
    assert.equal(report?.perRecipient[0]?.get('action'), 'failed')
    assert.equal(report?.perRecipient[0]?.get('status'), '4.4.7')
    assert.match(report?.perRecipient[0]?.get('diagnostic-code') ?? '', /^x-postern; 451 4\.4\.1 .*connection refused/)
    assert.deepEqual((await relay.spool.summary()).states, { pending: 0, leased: 0, held: 0 })
    assert.equal(relay.counted.get('postern_failed_total{expired}'), 1)
  })

  it('goes back with the reason of its destination where it was never its turn', async (t) => {
    const { relay, reports } = await setUp(t, { delayNoticeMs: null })
    for (let i = 0; i < 3; i++) await relay.submit({ to: `a${i}@example.org` })
    await relay.advance(5 * DAY + 5 * 60_000)
    assert.equal(reports().length, 3)
    for (const { perRecipient } of reports())
      assert.match(perRecipient[0]?.get('diagnostic-code') ?? '', /connection refused/)
  })

  it('is dropped where nobody is to be told', async (t) => {
    const { relay, reports } = await setUp(t)
    await relay.submit({ from: null, to: 'a@example.org' })
    await relay.submit({ to: [{ to: 'b@example.org', notify: ['never'] }] })
    await relay.advance(5 * DAY + 5 * 60_000)
    assert.equal(reports().length, 0)
    assert.deepEqual((await relay.spool.summary()).states, { pending: 0, leased: 0, held: 0 })
  })

  it('may be so earlier where it is a bounce', async (t) => {
    const { relay } = await setUp(t, { bounceLifetimeMs: DAY })
    await relay.submit({ from: null, to: 'a@example.org' })
    await relay.advance(DAY - HOUR)
    assert.equal((await relay.spool.summary()).states.pending, 1)
    await relay.advance(2 * HOUR + 10 * 60_000)
    assert.equal((await relay.spool.summary()).states.pending, 0)
  })

  it('fails at its last attempt rather than waiting for another', async (t) => {
    const hop = await startSink(t, { fault: ({ phase }) => (phase === 'rcpt' ? { reply: '452 4.2.2 full' } : null) })
    const home = await startSink(t)
    const table = routes({ 'royal.example.test': hosts(home.port) }, hosts(hop.port))
    const relay = await startRelay(t, {
      options: { routes: table, sweepMs: 30 * DAY, delayNoticeMs: null, lifetimeMs: 2 * HOUR },
    })
    await relay.submit({ to: 'a@example.org' })
    await relay.advance(4 * HOUR)
    const report = parseReport(home.messages[0]?.content ?? Buffer.alloc(0))
    assert.equal(report.perRecipient[0]?.get('status'), '4.4.7')
    assert.equal(report.perRecipient[0]?.get('diagnostic-code'), 'smtp; 452 4.2.2 full')
    assert.equal(report.perRecipient[0]?.get('remote-mta'), 'dns; 127.0.0.1')
  })
})

describe('a hold that nobody decided on', () => {
  const hold = (then: Hold['then'], until: number): Hold => ({
    reason: 'spam score 12',
    owner: 'plugin:spam',
    until,
    then,
  })

  const cases: [then: Hold['then'], delivered: number, reported: number][] = [
    ['release', 1, 0],
    ['reject', 0, 1],
    ['discard', 0, 0],
  ]
  for (const [then, delivered, reported] of cases) {
    it(`ends with ${then}`, async (t) => {
      const hop = await startSink(t)
      const home = await startSink(t)
      const relay = await startRelay(t, {
        options: { routes: routes({ 'royal.example.test': hosts(home.port) }, hosts(hop.port)) },
      })
      const until = relay.clock.now() + HOUR
      await relay.spool.put(newMessage({ to: 'a@example.org' }, relay.clock.now()), [
        { do: 'hold', destination: 'example.org', hold: hold(then, until) },
      ])
      await relay.goTo(until - 60_000)
      assert.equal((await relay.spool.summary()).states.held, 1)
      await relay.goTo(until + 3 * 60_000)
      assert.deepEqual([hop.messages.length, home.messages.length], [delivered, reported])
      assert.deepEqual((await relay.spool.summary()).states, { pending: 0, leased: 0, held: 0 })
      if (reported === 0) return
      const report = parseReport(home.messages[0]?.content ?? Buffer.alloc(0))
      assert.equal(report.perRecipient[0]?.get('status'), '5.7.1')
      assert.doesNotMatch(home.messages[0]?.content.toString() ?? '', /spam score/, 'the reason is for operators')
    })
  }

  it('tells the sender what the hold says for him', async (t) => {
    const home = await startSink(t)
    const relay = await startRelay(t, {
      options: { routes: routes({ 'royal.example.test': hosts(home.port) }, hosts(1)) },
    })
    const now = relay.clock.now()
    await relay.spool.put(newMessage({ to: 'a@example.org' }, now), [
      {
        do: 'hold',
        destination: 'example.org',
        hold: { ...hold('reject', now), told: 'The file x.zip is encrypted' },
      },
    ])
    await relay.advance(3 * 60_000)
    const notice = home.messages[0]?.content.toString() ?? ''
    assert.match(notice, /The file x\.zip is encrypted/)
    assert.doesNotMatch(notice, /spam score/)
  })
})

describe('mail that is released when it is older than its lifetime', () => {
  const hold = (then: Hold['then'], until: number): Hold => ({ reason: 'a loop', owner: 'operator:anna', until, then })

  it('is tried again and again while its next hop rests, and goes out when that is back', async (t) => {
    const { relay, start, port, reports } = await heldFor(t)
    await relay.goTo(start + 7 * DAY + 20 * HOUR)
    assert.equal(reports().length, 0)
    assert.equal((await relay.spool.summary()).states.pending, 1)
    const hop = await startSink(t, { port })
    await relay.advance(2 * HOUR)
    assert.equal(hop.messages.length, 1)
  })

  it('goes back to its sender when that time is over too', async (t) => {
    const { relay, start, reports } = await heldFor(t)
    await relay.goTo(start + 8 * DAY - HOUR)
    assert.equal(reports().length, 0)
    await relay.goTo(start + 8 * DAY + 10 * 60_000)
    assert.equal(reports()[0]?.perRecipient[0]?.get('status'), '4.4.7')
    assert.deepEqual((await relay.spool.summary()).states, { pending: 0, leased: 0, held: 0 })
  })

  it('is put off by a next hop that answers, and not failed', async (t) => {
    const { relay, start, port, reports } = await heldFor(t)
    await startSink(t, { port, fault: ({ phase }) => (phase === 'rcpt' ? { reply: '452 4.2.2 full' } : null) })
    await relay.goTo(start + 7 * DAY + 12 * HOUR)
    assert.equal(reports().length, 0)
    await relay.goTo(start + 8 * DAY + 2 * HOUR)
    assert.equal(reports()[0]?.perRecipient[0]?.get('diagnostic-code'), 'smtp; 452 4.2.2 full')
  })

  /** One message to a next hop that does not answer, held an hour before its end, for seven days in all. */
  async function heldFor(t: TestContext) {
    const home = await startSink(t)
    const port = await freePort()
    const table = routes({ 'royal.example.test': hosts(home.port) }, hosts(port))
    const relay = await startRelay(t, {
      options: { routes: table, delayNoticeMs: null, sweepMs: 5 * 60_000 },
      asleep: true,
    })
    const start = relay.clock.now()
    await relay.enqueue({ to: 'a@example.org' })
    relay.clock.jump(5 * DAY - HOUR)
    await relay.spool.act({ do: 'hold', hold: hold('release', start + 7 * DAY) }, {}, 'anna')
    relay.clock.jump(2 * DAY + HOUR)
    await relay.deliver.sweep()
    return { relay, start, port, reports: () => home.messages.map(({ content }) => parseReport(content)) }
  }
})

describe('sweeping', () => {
  it('takes everything that is due, in bounded batches', async (t) => {
    const { relay, reports } = await setUp(t, { sweepBatch: 7, delayNoticeMs: null })
    for (let i = 0; i < 20; i++) await relay.submit({ to: `a${i}@example.org` })
    await relay.advance(5 * DAY + 5 * 60_000)
    assert.equal(reports().length, 20)
  })

  it('has defaults of five days and four hours', () => {
    assert.equal(DELIVER_DEFAULTS.lifetimeMs, 5 * DAY)
    assert.equal(DELIVER_DEFAULTS.delayNoticeMs, 4 * HOUR)
  })
})

describe('a message that became too old while nothing was tried', () => {
  it('is tried once more after a stop of days', async (t) => {
    const sink = await startSink(t)
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(sink.port)) }, asleep: true })
    for (let i = 0; i < 3; i++) await relay.enqueue({ to: `a${i}@example.org` })
    relay.clock.jump(6 * DAY)
    // The first look for what is too old may come before its turn
    relay.deliver.retryNow()
    await Promise.all([relay.deliver.sweep(), relay.quiet()])
    assert.equal(sink.messages.length, 3)
    assert.equal(relay.counted.get('postern_failed_total{expired}'), undefined)
  })

  it('is tried once more after the clock was put forward', async (t) => {
    const port = await freePort()
    const relay = await startRelay(t, { options: { routes: routes({}, hosts(port)), delayNoticeMs: null } })
    await relay.submit({ to: 'a@example.org' })
    await relay.advance(40 * 60_000)
    relay.clock.jump(6 * DAY)
    relay.clock.advance(60_000)
    await relay.deliver.sweep()
    assert.equal(relay.counted.get('postern_failed_total{expired}'), undefined)
    const sink = await startSink(t, { port })
    relay.clock.advance(2 * 3_600_000)
    await relay.quiet()
    await waitFor(() => sink.messages.length > 0, { what: 'the message' })
  })
})

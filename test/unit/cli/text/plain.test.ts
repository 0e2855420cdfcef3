import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ApiRecipient, ApiTracedMessage, ApiTraceEvent } from '../../../../src/admin/api.ts'
import { describePlain } from '../../../../src/cli/text/plain.ts'
import { describeTrace } from '../../../../src/cli/text/trace.ts'
import { wallClock } from '../../../../src/cli/text/wall-clock.ts'

const DAY = '2026-11-22'
const at = (time: string, day = DAY) => `${day}T${time}.000Z`
const UTC = wallClock('UTC')

const event = (name: string, time: string, state: string, facts: object = {}, reply?: string): ApiTraceEvent => ({
  at: at(time),
  event: name,
  recipients: [{ index: 0, address: 'a@city.test', state, ...(reply !== undefined && { reply }) }],
  facts: { ...facts },
})

const FACTS = {
  client: 'royal-infirmary',
  address: '10.20.0.5',
  tls: 'TLSv1.3',
  cipher: 'TLS_AES_256_GCM_SHA384',
  inspection: [
    {
      plugin: 'authentication',
      hook: 'data',
      mode: 'enforce',
      verdict: 'continue',
      reason: null,
      ms: 3,
      facts: { dkim: [], spf: { result: 'pass' } },
    },
    { plugin: 'virus', hook: 'data', mode: 'enforce', verdict: 'continue', reason: null, ms: 12 },
    { plugin: 'spam', hook: 'data', mode: 'enforce', verdict: 'continue', reason: null, ms: 5, facts: { score: 1.2 } },
    {
      plugin: 'tagline',
      hook: 'modify',
      mode: 'enforce',
      verdict: 'continue',
      reason: null,
      ms: 5,
      changed: { replaced: { before: 'a', after: 'b' } },
    },
  ],
}

const received = (facts: object = {}, state = 'pending', reply?: string) =>
  event('received', '14:02:11', state, { ...FACTS, ...facts }, reply)

const message = (events: readonly ApiTraceEvent[], more: Partial<ApiTracedMessage> = {}): ApiTracedMessage => ({
  queueId: '00KX3T9A001',
  receivedAt: at('14:02:11'),
  client: 'royal-infirmary',
  sender: 'ward@royal.test',
  size: 1000,
  messageId: null,
  recipients: [{ index: 0, address: 'a@city.test', state: 'pending', reply: null }],
  queue: null,
  givesUpAt: null,
  events,
  ...more,
})

const waiting = (more: Partial<ApiRecipient> = {}): ApiRecipient => ({
  index: 0,
  address: 'a@city.test',
  destination: 'city.test',
  state: 'pending',
  nextAttemptAt: at('14:05:00'),
  attempts: 1,
  lastReply: null,
  cause: 'connection refused',
  hold: null,
  ...more,
})

const last = (events: readonly ApiTraceEvent[], more: Partial<ApiTracedMessage> = {}) =>
  describePlain(message(events, more), UTC).at(-1)

test('the first lines say where a message came from, over what, and what its inspection found', () => {
  assert.deepEqual(describePlain(message([received()]), UTC).slice(0, 3), [
    '00KX3T9A001, from ward@royal.test to 1 recipient. Times are UTC.',
    'Accepted from royal-infirmary (10.20.0.5) at 14:02:11 on 22 November 2026 over TLS 1.3.',
    'Sender checks: SPF pass, DKIM none; virus scan clean; not spam (score 1.2); tagline changed the content.',
  ])
  const outside = received({ client: '*', name: 'mx.evil.test', tls: undefined, inspection: [], split: '1 of 2' })
  assert.deepEqual(describePlain(message([outside]), UTC).slice(1, 4), [
    'Accepted from the outside, mx.evil.test (10.20.0.5) at 14:02:11 on 22 November 2026 without encryption.',
    'It is 1 of 2 that the message became, because not all of its recipients were treated alike.',
    'It was not inspected.',
  ])
})

test('results that there was no room for are not told as results', () => {
  const cut = { plugin: 'authentication', hook: 'data', mode: 'enforce', verdict: 'continue', facts: { cut: true } }
  const whole = message([received({ inspection: [cut] })])
  assert.doesNotMatch(describePlain(whole, UTC).join(), /DKIM none/)
  assert.doesNotMatch(describeTrace(whole, 0).join(), /dkim=none/)
})

test('a message that waits says for what, why, until when, and what then', () => {
  const attempt = event('attempt', '14:03:00', 'pending', {}, '451 connection refused')
  const givesUpAt = at('14:02:11', '2026-11-27')
  assert.equal(
    last([received(), attempt], { queue: [waiting()], givesUpAt }),
    'a@city.test: Waiting for city.test: last tried in vain at 14:03:00 (connection refused); next try at 14:05:00. ' +
      'If nothing changes, it will be returned to the sender at 14:02:11 on 27 November.',
  )
  assert.match(
    last([received()], { queue: [waiting({ attempts: 0, cause: null })] }) ?? '',
    /Waiting for city\.test, not tried yet; next/,
  )
  assert.match(
    last([received()], { queue: [waiting({ state: 'leased' })] }) ?? '',
    /is being sent to city\.test at this moment/,
  )
  assert.match(
    last([received(), attempt], { sender: '<>', queue: [waiting()], givesUpAt }) ?? '',
    /it will be given up at/,
  )
})

test('a held message says who holds it, why, until when, and what then', () => {
  const hold = { reason: 'ticket 4711', owner: 'operator:alice', until: at('15:00:00'), afterwards: 'reject' } as const
  const facts = { by: 'alice', hold: { reason: 'ticket 4711', owner: 'operator:alice' } }
  assert.equal(
    last([received(), event('hold', '14:10:00', 'held', facts)], { queue: [waiting({ state: 'held', hold })] }),
    'a@city.test: Held since 14:10:00 by alice: ticket 4711. Unless somebody decides before, it will be returned to the sender at 15:00:00.',
  )
  const byPlugin = { ...hold, owner: 'plugin:virus', reason: 'virus Eicar', afterwards: 'discard' } as const
  assert.match(
    last([received({}, 'held', 'virus Eicar')], { queue: [waiting({ state: 'held', hold: byPlugin })] }) ?? '',
    /Held since 14:02:11 by the plugin virus: virus Eicar\. .* discarded at 15:00:00/,
  )
})

test('who waits in the queue is told of, though nothing of it is on record', () => {
  const nothing = message([], { receivedAt: null, recipients: [], queue: [waiting()] })
  assert.deepEqual(describePlain(nothing, UTC), [
    '00KX3T9A001, from ward@royal.test to 1 recipient. Times are UTC.',
    'It is in the queue and not on record: it came a moment ago, or has waited for longer than the record is kept.',
    'a@city.test: Waiting for city.test (connection refused); next try at 14:05:00 on 22 November.',
  ])
  const hold = { reason: 'ticket', owner: 'operator:alice', until: at('15:00:00'), afterwards: 'reject' } as const
  const other = waiting({ index: 1, address: 'b@city.test', state: 'held', hold })
  const partly = message([event('attempt', '14:03:00', 'relayed', { host: 'mx' })], {
    receivedAt: null,
    queue: [other],
  })
  assert.match(describePlain(partly, UTC)[0] ?? '', /to 2 recipients/)
  assert.match(describePlain(partly, UTC).at(-1) ?? '', /^b@city\.test: Held by alice: ticket\. Unless/)
})

test('a hold that was renewed at its deadline is told with what it is held for now', () => {
  const hold = { reason: 'not released: no scanner', owner: 'plugin:spam', until: 1 }
  const again = event('hold', '14:10:00', 'held', { hold, before: 'spam score 12', beforeOwner: 'plugin:spam' })
  const events = [received({}, 'held'), again, event('release', '14:20:00', 'pending', { by: 'alice' })]
  assert.match(
    last(events, { queue: [waiting()] }) ?? '',
    /Its hold was over at 14:10:00, and it was held again \(not released: no scanner\)\. alice released it/,
  )
  assert.match(describeTrace(message(events), 0).join('\n'), /in place of the hold that is over: spam score 12/)
})

test('a delay is told of only for recipients of whom the sender wanted to hear that', () => {
  const told = (facts: object) =>
    last([received(), event('notice', '14:23:00', 'pending', facts)], { queue: [waiting()] })
  assert.match(told({ told: true, untold: [1] }) ?? '', /The sender was told at 14:23:00/)
  assert.doesNotMatch(told({ told: true, untold: [0] }) ?? '', /was told/)
  assert.doesNotMatch(told({ told: false }) ?? '', /was told/)
})

test('mail of our own, and mail that is sensitive, is told as such', () => {
  const own = event('received', '14:02:11', 'pending', { client: 'postern', own: true })
  assert.deepEqual(describePlain(message([own]), UTC).slice(1, -1), [
    'This relay wrote it itself at 14:02:11 on 22 November 2026.',
  ])
  const marked = message([received({ sensitive: true })])
  assert.match(describePlain(marked, UTC)[2] ?? '', /marked as sensitive/)
  assert.match(describeTrace(marked, 0).join('\n'), /Sensitive +it goes over a proven path alone/)
})

test('a message that was handed on says to whom, over what, how that was proved, and what cannot be known', () => {
  const tls = { protocol: 'TLSv1.3', cipher: 'x', fingerprint: 'ab', verified: true }
  const path = {
    host: 'mx.city.test',
    address: '192.0.2.1',
    port: 25,
    tls,
    security: { source: 'register', proves: 'dane' },
  }
  assert.equal(
    last([received(), event('attempt', '14:02:12', 'relayed', path, '250 2.0.0 queued')]),
    'a@city.test: Handed on to mx.city.test (192.0.2.1) at 14:02:12, over TLS 1.3, its certificate verified (dane); ' +
      'it answered “250 2.0.0 queued”. What the next host does with it this relay cannot see.',
  )
  const clear = event('attempt', '14:02:12', 'relayed', { ...path, tls: null, security: undefined })
  assert.match(last([received(), clear]) ?? '', /at 14:02:12, without encryption\. /)
  assert.match(last([received(), event('attempt', '14:02:12', 'relayed')]) ?? '', /not on record/)
})

test('a mailbox is said to have it only where it was delivered there', () => {
  assert.match(
    last([received(), event('attempt', '14:02:12', 'delivered', {}, '250 ok')]) ?? '',
    /Delivered on this relay itself at 14:02:12; it answered “250 ok”/,
  )
})

test('a failure says why, and whether the sender was told', () => {
  const failed = (facts: object) => event('attempt', '14:04:00', 'failed', facts, '550 5.1.1 no such user')
  const of = (facts: object, more: Partial<ApiTracedMessage> = {}, from: object = {}) =>
    last([received(from), failed(facts)], more) ?? ''
  assert.equal(
    of({ host: 'mx.city.test', notices: ['00KX3T9A002'] }),
    'a@city.test: Given up at 14:04:00 after mx.city.test refused it: “550 5.1.1 no such user”. The sender was told (notice 00KX3T9A002).',
  )
  assert.match(of({ notices: [] }), /No notice was due: the sender had asked for none\./)
  assert.match(of({ notices: [] }, { sender: '<>' }), /No notice was due: it has no sender/)
  assert.match(of({ notices: ['x'] }, { sender: '<>' }), /The postmaster was told/)
  assert.match(of({ notices: ['x'] }, {}, { untold: [0] }), /No notice was due for this recipient/)
  assert.match(of({}), /Whether the sender was told is not on record/)
  assert.match(of({ expired: true, notices: [] }), /because the time for it was over/)
})

test('what people did is told with their names', () => {
  const events = [
    received(),
    event('hold', '14:10:00', 'held', { by: 'alice', hold: { reason: 'ticket' } }),
    event('release', '14:20:00', 'pending', { by: 'bob as root' }),
    event('reroute', '14:21:00', 'pending', { by: 'bob', destination: 'standby.test' }),
    event('retry', '14:22:00', 'pending', { by: 'bob' }),
    event('notice', '14:23:00', 'pending', { told: true }),
    event('remove', '14:30:00', 'removed', { by: 'carol' }),
  ]
  assert.equal(
    last(events),
    'a@city.test: alice held it at 14:10:00 (ticket). bob as root released it at 14:20:00. bob rerouted it to standby.test at 14:21:00. ' +
      'bob asked for another try at 14:22:00. The sender was told at 14:23:00 that it is delayed. ' +
      'Removed from the queue by carol at 14:30:00. Nobody was told.',
  )
})

test('discarded, damaged and lost messages are told as what they are', () => {
  assert.match(
    last([received({}, 'discarded'), event('discard', '14:02:11', 'discarded', {}, 'bulk')]) ?? '',
    /Discarded at 14:02:11 \(bulk\)/,
  )
  const damage = { at: at('15:00:00'), event: 'remove', recipients: [], facts: { damaged: 'no envelope' } }
  assert.match(last([received(), damage]) ?? '', /Set aside at 15:00:00, because it could not be read \(no envelope\)/)
  assert.match(last([received()]) ?? '', /By the record it waits .* ask an engineer/)
})

test('recipients of whom the same is to be said share a line', () => {
  const recipients = Array.from({ length: 7 }, (_, index) => ({
    index,
    address: `${index}@city.test`,
    state: 'relayed',
    reply: '250 ok',
  }))
  const lines = describePlain(message([{ ...received(), recipients }]), UTC)
  assert.match(lines.at(-1) ?? '', /^0@city\.test, 1@.* 4@city\.test and 2 more: /)
})

test('times are told in the zone that is asked for, and in UTC where there is no such zone', () => {
  assert.equal(wallClock('Europe/London').full('2026-07-01T12:00:00Z'), '13:00:00 on 1 July 2026')
  assert.equal(wallClock('Europe/London').zone, 'Europe/London')
  for (const none of [undefined, '', 'Moon/Sea']) assert.equal(wallClock(none).zone, 'UTC')
  assert.equal(UTC.at('2026-07-01T12:00:00Z', '2026-07-01T01:00:00Z'), '12:00:00')
  assert.equal(UTC.full('never'), 'an unknown time')
})

const STATES = ['pending', 'leased', 'held', 'relayed', 'delivered', 'failed', 'discarded', 'removed', 'other']
const EVENTS = ['received', 'attempt', 'notice', 'hold', 'release', 'reroute', 'retry', 'remove', 'discard', 'other']

const word = fc.constantFrom('x', '\u001b[31m', 'a\r\nb', '\u202e', '', 'ü', '\ud800', '“', 'x'.repeat(500))
const odd = fc.oneof(
  word,
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.array(word),
  fc.dictionary(word, word),
)
const NAMES =
  'client address name helo tls cipher sha256 split notification about inspection inspectionCut holds untold by hold destination damaged host port seconds security tried expired notices told owner deadline stripped'.split(
    ' ',
  )
const inspection = fc.array(
  fc.record(
    {
      plugin: fc.constantFrom('virus', 'spam', 'authentication', 'attachments', 'x'),
      hook: word,
      mode: fc.constantFrom('observe', 'enforce'),
      verdict: fc.constantFrom('continue', 'tag', 'hold'),
      reason: fc.option(word),
      ms: odd,
      facts: fc.dictionary(fc.constantFrom('score', 'spf', 'dkim', 'dmarc'), odd),
      changed: odd,
    },
    { requiredKeys: ['plugin'] },
  ),
)
// biome-ignore lint/suspicious/noThenProperty: the record's word for what happens at the deadline
const oddHold = fc.record({ reason: word, until: fc.integer(), then: word })
const oddFacts = fc.dictionary(fc.constantFrom(...NAMES), fc.oneof(odd, inspection, oddHold))

const oddRecipient = fc.record(
  { index: fc.nat(3), address: word, state: fc.constantFrom(...STATES), reply: word },
  { requiredKeys: ['index', 'address', 'state'] },
)
const moment = fc
  .date({ noInvalidDate: true, min: new Date('2000-01-01'), max: new Date('2100-01-01') })
  .map((date) => date.toISOString())
const oddEvent: fc.Arbitrary<ApiTraceEvent> = fc.record({
  at: moment,
  event: fc.constantFrom(...EVENTS),
  recipients: fc.array(oddRecipient, { maxLength: 3 }),
  facts: oddFacts,
})
const oddQueue = fc.option(
  fc.array(
    fc.record({
      index: fc.nat(3),
      address: word,
      destination: word,
      state: fc.constantFrom('pending' as const, 'leased' as const, 'held' as const),
      nextAttemptAt: fc.option(moment),
      attempts: fc.nat(9),
      lastReply: fc.option(word),
      cause: fc.option(word),
      hold: fc.option(
        fc.record({
          reason: word,
          owner: fc.oneof(word, fc.constant('plugin:x')),
          until: moment,
          afterwards: fc.constantFrom('release' as const, 'reject' as const, 'discard' as const),
        }),
      ),
    }),
    { maxLength: 3 },
  ),
)

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/

test('whatever is on record, the sentences never fail, steer no terminal, and claim no end that is not on record', () => {
  fc.assert(
    fc.property(
      fc.array(oddEvent, { maxLength: 8 }),
      oddQueue,
      fc.option(moment),
      fc.option(moment),
      (events, queue, receivedAt, givesUpAt) => {
        const odd = message(events, { queue, receivedAt, givesUpAt })
        const text = describePlain(odd, UTC).join('')
        describeTrace(odd, Date.UTC(2026, 10, 22))
        assert.doesNotMatch(text, CONTROL)
        const states = new Set(events.flatMap(({ recipients }) => recipients.map(({ state }) => state)))
        for (const [state, claim] of [
          ['delivered', /delivered/i],
          ['relayed', /handed on/i],
          ['failed', /given up at|refused it/i],
          ['removed', /removed from the queue/i],
        ] as const) {
          if (!states.has(state)) assert.doesNotMatch(text.replaceAll(/it will be given up at/g, ''), claim)
        }
      },
    ),
    { numRuns: 500 },
  )
})

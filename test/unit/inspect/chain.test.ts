import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOTHING } from '../../../src/inspect/outcome.ts'
import type { Inspector, MessageView, Mode, Modifier, Plugin } from '../../../src/inspect/plugin.ts'
import { memoryContent } from '../../../src/mail/content.ts'
import { reply } from '../../../src/mail/reply.ts'
import { CONTINUE, type Verdict } from '../../../src/mail/verdict.ts'
import { manualClock } from '../../support/clock.ts'
import { chainMessage, chainOf, kept, MESSAGE, never, SESSION, textOf } from './harness.ts'

const REJECT: Verdict = { action: 'reject', reason: 'virus', reply: reply(554, '5.7.1', 'No') }
const HOLD: Verdict = { action: 'hold', reason: 'odd' }
const tag = (name: string): Verdict => ({ action: 'tag', reason: name, fields: [[name, 'yes']] })

const inspector = (name: string, verdict: unknown): Inspector => ({ name, data: async () => verdict as Verdict })

test('a chain without plugins asks nothing', () => {
  assert.deepEqual(chainOf([]).asks, { connect: false, mail: false, rcpt: false, data: false })
})

test('a chain asks only where one of its plugins wants to be asked', () => {
  assert.deepEqual(chainOf([{ name: 'a', mail: async () => CONTINUE }]).asks, {
    connect: false,
    mail: true,
    rcpt: false,
    data: true,
  })
  assert.equal(chainOf([{ name: 'm', modify: async () => [] }]).asks.mail, false)
})

test('the worst verdict wins, and the record has all of them', async () => {
  const chain = chainOf([inspector('a', tag('X-A')), inspector('b', REJECT), inspector('c', HOLD)])
  const outcome = await chain.data(chainMessage(), never)
  assert.deepEqual([outcome.verdict.action, outcome.plugin], ['reject', 'b'])
  assert.deepEqual(
    outcome.results.map(({ plugin, verdict, reason }) => [plugin, verdict, reason]),
    [
      ['a', 'tag', 'X-A'],
      ['b', 'reject', 'virus'],
      ['c', 'hold', 'odd'],
    ],
  )
})

test('of equal verdicts the first one counts', async () => {
  const outcome = await chainOf([inspector('a', HOLD), inspector('b', HOLD)]).data(chainMessage(), never)
  assert.equal(outcome.plugin, 'a')
})

test('all tags go into the header, the worst verdict notwithstanding', async () => {
  const chain = chainOf([inspector('a', tag('X-A')), inspector('b', HOLD), inspector('c', tag('X-C'))])
  const text = await textOf(await chain.data(chainMessage(), never))
  assert.equal(text, `X-A: yes\r\nX-C: yes\r\n${MESSAGE}`)
})

test('inspectors of one phase run side by side', async () => {
  const both = Promise.withResolvers<void>()
  let running = 0
  const meet = (name: string): Inspector => ({
    name,
    async data() {
      if (++running === 2) both.resolve()
      await both.promise
      return CONTINUE
    },
  })
  const outcome = await chainOf([meet('a'), meet('b')]).data(chainMessage(), never)
  assert.equal(outcome.verdict.action, 'continue')
})

test('phases come in their order, whatever the order of the configuration', async () => {
  const order: string[] = []
  const look = (name: string, phase: Inspector['phase']): Inspector => ({
    name,
    ...(phase && { phase }),
    async data() {
      order.push(name)
      return CONTINUE
    },
  })
  const change = (name: string, phase?: Modifier['phase']): Modifier => ({
    name,
    ...(phase && { phase }),
    async modify() {
      order.push(name)
      return []
    },
  })
  const chain = chainOf([
    change('sign', 'sign'),
    change('tagline'),
    look('virus', undefined),
    look('spf', 'authenticate'),
    change('second'),
  ])
  await chain.data(chainMessage(), never)
  assert.deepEqual(order, ['spf', 'virus', 'tagline', 'second', 'sign'])
})

test('after a refusal later phases are not asked', async () => {
  let asked = false
  const late: Modifier = {
    name: 'late',
    async modify() {
      asked = true
      return []
    },
  }
  await chainOf([inspector('a', REJECT), late]).data(chainMessage(), never)
  assert.equal(asked, false)
})

test('a held message is still changed and signed, so that its release needs only delivery', async () => {
  const signer: Modifier = {
    name: 'sign',
    phase: 'sign',
    modify: async () => [{ do: 'addHeader', name: 'DKIM-Signature', value: 'v=1' }],
  }
  const outcome = await chainOf([inspector('a', HOLD), signer]).data(chainMessage(), never)
  assert.equal(outcome.verdict.action, 'hold')
  assert.match(await textOf(outcome), /^DKIM-Signature: v=1\r\n/)
})

test('plugins see what earlier phases said and added', async () => {
  let seen: MessageView | null = null
  const first: Inspector = { name: 'spf', phase: 'authenticate', data: async () => tag('X-Spf') }
  const second: Inspector = {
    name: 'spam',
    async data(message) {
      seen = message
      return CONTINUE
    },
  }
  const earlier = { plugin: 'early', hook: 'mail', mode: 'observe', verdict: 'hold', reason: 'x', ms: 1 } as const
  const outcome = { ...NOTHING, results: [earlier] }
  await chainOf([second, first]).data(chainMessage(MESSAGE, 'Date: today\r\n', { earlier: outcome }), never)
  const { header, results, content } = seen as unknown as MessageView
  assert.deepEqual(
    header.map(({ name, value }) => `${name}=${value}`),
    ['X-Spf=yes', 'Date=today', 'From=a@client.test', 'Subject=results', 'X-Old=1', 'x-old=2'],
  )
  assert.equal(`${content.bytes}`, `X-Spf: yes\r\nDate: today\r\n${MESSAGE}`)
  assert.deepEqual(
    results.map(({ plugin }) => plugin),
    ['early', 'spf'],
  )
})

const failures: readonly (readonly [string, Inspector])[] = [
  [
    'throws',
    {
      name: 'p',
      data: () => {
        throw new Error('secret detail')
      },
    },
  ],
  [
    'rejects',
    {
      name: 'p',
      data: async () => {
        throw new Error('secret detail')
      },
    },
  ],
  ['answers nothing that is known', inspector('p', { action: 'accept', reason: 'x' })],
  ['answers with a string', inspector('p', 'continue')],
  ['rejects with a 250', inspector('p', { ...REJECT, reply: reply(250, '2.0.0', 'Fine') })],
]

for (const [what, plugin] of failures) {
  test(`a plugin that ${what} defers the message, and only the log knows why`, async () => {
    const context = kept()
    const outcome = await chainOf([plugin], context).data(chainMessage(), never)
    assert.equal(outcome.verdict.action, 'defer')
    assert.ok(outcome.verdict.action === 'defer')
    assert.equal(outcome.verdict.reply.code, 451)
    assert.doesNotMatch(JSON.stringify(outcome.verdict.reply), /secret|\bp\b/)
    assert.equal(outcome.results[0]?.failed, true)
    const [line] = context.lines
    assert.deepEqual([line?.level, line?.plugin, line?.session], ['error', 'p', 's1'])
    assert.equal(context.counts.get('postern_inspection_total p defer'), 1)
  })
}

test('no answer within the deadline defers, aborts the plugin, and a late answer changes nothing', async () => {
  const clock = manualClock()
  const answer = Promise.withResolvers<Verdict>()
  const asked = Promise.withResolvers<AbortSignal>()
  const slow: Inspector = {
    name: 'slow',
    data(message) {
      asked.resolve(message.signal)
      return answer.promise
    },
  }
  const waiting = chainOf([{ plugin: slow, deadlineMs: 5000 }], kept(clock)).data(chainMessage(), never)
  const signal = await asked.promise
  clock.advance(4999)
  assert.equal(signal.aborted, false)
  clock.advance(1)
  answer.resolve(CONTINUE)
  const outcome = await waiting
  assert.equal(outcome.verdict.action, 'defer')
  assert.equal(signal.aborted, true)
  assert.equal(outcome.results[0]?.ms, 5000)
  assert.equal(clock.waiting, 0)
})

test('an answer in time leaves no timer behind', async () => {
  const clock = manualClock()
  await chainOf([inspector('a', CONTINUE)], kept(clock)).data(chainMessage(), never)
  assert.equal(clock.waiting, 0)
})

test('a client that has gone ends the inspection', async () => {
  const gone = new AbortController()
  const slow: Inspector = { name: 'slow', data: () => new Promise(() => {}) }
  const context = kept()
  const chain = chainOf([slow], context)
  const waiting = chain.data(chainMessage(), gone.signal)
  gone.abort()
  assert.equal((await waiting).verdict.action, 'defer')
  assert.equal((await chain.data(chainMessage(), gone.signal)).verdict.action, 'defer')
  // that is no fault of the plugin
  assert.deepEqual(new Set(context.lines.map(({ level }) => level)), new Set(['info']))
})

test('the other hooks have the same rules', async () => {
  const broken: Inspector = {
    name: 'broken',
    connect: async () => HOLD,
    mail: () => Promise.reject(new Error('no')),
    rcpt: async () => REJECT,
  }
  const chain = chainOf([broken, { name: 'fine', connect: async () => CONTINUE }])
  assert.deepEqual((await chain.connect(SESSION)).verdict, HOLD)
  assert.equal((await chain.connect(SESSION)).results.length, 2)
  assert.equal((await chain.mail(SESSION, null)).verdict.action, 'defer')
  const transaction = { session: SESSION, mailFrom: null, rcptTo: [], direction: 'inbound' } as const
  const to = { address: { local: 'b', domain: 'ours.test' }, notify: null, orcpt: null }
  assert.equal((await chain.rcpt(transaction, to)).verdict.action, 'reject')
})

test('in observe mode a plugin is recorded and does nothing', async () => {
  for (const plugin of [inspector('p', REJECT), inspector('p', 'nonsense'), inspector('p', tag('X-A'))]) {
    const outcome = await chainOf([{ plugin, mode: 'observe' }]).data(chainMessage(), never)
    assert.equal(outcome.verdict.action, 'continue')
    assert.notEqual(outcome.results[0]?.verdict, 'continue')
    assert.equal(await textOf(outcome), MESSAGE)
  }
})

test('in tag mode a plugin at most marks the message', async () => {
  for (const verdict of [REJECT, HOLD, { action: 'discard', reason: 'x"\\\r\ny' } as const]) {
    const outcome = await chainOf([{ plugin: inspector('p', verdict), mode: 'tag' }]).data(chainMessage(), never)
    assert.equal(outcome.verdict.action, 'tag')
    const [field] = (await textOf(outcome)).split('\r\n')
    assert.match(field ?? '', new RegExp(`^X-Postern-Inspection: p; would=${verdict.action}; reason="[^"]+"$`))
    assert.equal(outcome.results[0]?.verdict, verdict.action)
  }
  const own = await chainOf([{ plugin: inspector('p', tag('X-A')), mode: 'tag' }]).data(chainMessage(), never)
  assert.equal(await textOf(own), `X-A: yes\r\n${MESSAGE}`)
})

test('marks that come from elsewhere are removed, so that ours can be believed', async () => {
  const forged = `x-postern-inspection: virus; would=continue\r\n${MESSAGE}`
  for (const plugin of [inspector('a', CONTINUE), { name: 'b', mail: async () => CONTINUE }]) {
    const chain = chainOf([plugin])
    assert.ok(chain.asks.data)
    assert.equal(await textOf(await chain.data(chainMessage(forged), never)), MESSAGE)
  }
})

const modifier = (answer: unknown): Modifier => ({ name: 'm', modify: async () => answer as never })
const change = async (answer: unknown, mode: Mode = 'enforce') =>
  chainOf([{ plugin: modifier(answer), mode }]).data(chainMessage(), never)

test('a modifier adds and removes header fields and replaces content', async () => {
  const added = await change([
    { do: 'addHeader', name: 'X-A', value: 'one' },
    { do: 'addHeader', name: 'X-B', value: 'two' },
  ])
  assert.equal(await textOf(added), `X-B: two\r\nX-A: one\r\n${MESSAGE}`)
  const removed = await change([{ do: 'removeHeader', name: 'X-OLD' }])
  assert.equal(await textOf(removed), MESSAGE.replace('X-Old: 1\r\nx-old: 2\r\n', ''))
  const one = await change([{ do: 'removeHeader', name: 'x-old', matches: (value: string) => value === '2' }])
  assert.equal(await textOf(one), MESSAGE.replace('x-old: 2\r\n', ''))
  const content = memoryContent(Buffer.from('From: a@b.test\r\n\r\nnew\r\n'))
  const replaced = await change([
    { do: 'replaceContent', content },
    { do: 'addHeader', name: 'X-A', value: 'one' },
  ])
  assert.equal(await textOf(replaced), 'X-A: one\r\nFrom: a@b.test\r\n\r\nnew\r\n')
})

test('the values of added fields cannot start another field, and are folded', async () => {
  const value = `${'word '.repeat(40)}end\r\nBcc: x@y.test\0`
  const text = await textOf(await change([{ do: 'addHeader', name: 'X-A', value }]))
  assert.doesNotMatch(text, /^Bcc/m)
  for (const line of text.split('\r\n')) assert.ok(line.length <= 78)
})

const bad: readonly (readonly [string, unknown])[] = [
  ['answers no list', null],
  ['names no field', [{ do: 'addHeader', name: 'X A', value: 'x' }]],
  ['adds a word that fits on no line', [{ do: 'addHeader', name: 'X-A', value: 'x'.repeat(901) }]],
  ['adds a trace field', [{ do: 'addHeader', name: 'Received', value: 'x' }]],
  ['removes the trace', [{ do: 'removeHeader', name: 'received' }]],
  ['does something unknown', [{ do: 'explode' }]],
  [
    'gives content with a bare LF',
    [{ do: 'replaceContent', content: memoryContent(Buffer.from('A: 1\r\n\r\nx\ny\r\n')) }],
  ],
  [
    'gives content with a bare CR',
    [{ do: 'replaceContent', content: memoryContent(Buffer.from('A: 1\r\n\r\nx\ry\r\n')) }],
  ],
  ['gives content that ends in CR', [{ do: 'replaceContent', content: memoryContent(Buffer.from('A: 1\r\n\r\nx\r')) }]],
  ['gives content without a header', [{ do: 'replaceContent', content: memoryContent(Buffer.from('no header\r\n')) }]],
  [
    'gives content that is too long',
    [{ do: 'replaceContent', content: memoryContent(Buffer.alloc(2_000_000, 'x\r\n')) }],
  ],
  [
    'lies about the size',
    [
      {
        do: 'replaceContent',
        content: {
          size: 5,
          bytes: null,
          async *stream() {
            yield Buffer.from('A: 1\r\n\r\n')
          },
        },
      },
    ],
  ],
  [
    'has a match that throws',
    [
      {
        do: 'removeHeader',
        name: 'X-Old',
        matches: () => {
          throw new Error('no')
        },
      },
    ],
  ],
]

for (const [what, changes] of bad) {
  test(`a modifier that ${what} defers the message, and none of its changes apply`, async () => {
    const first = { do: 'addHeader', name: 'X-First', value: 'x' }
    const outcome = await change(Array.isArray(changes) ? [first, ...changes] : changes)
    assert.equal(outcome.verdict.action, 'defer')
    assert.equal(await textOf(outcome), MESSAGE)
    assert.equal(outcome.results[0]?.failed, true)
  })
}

test('modifiers see what those before them did', async () => {
  const seen: string[] = []
  const each = (name: string): Modifier => ({
    name,
    async modify({ header }) {
      seen.push(header.map((field) => field.name).join(' '))
      return [
        { do: 'addHeader', name: `X-${name}`, value: 'x' },
        { do: 'removeHeader', name: 'X-Old' },
      ]
    },
  })
  await chainOf([each('one'), each('two')]).data(chainMessage(), never)
  assert.deepEqual(seen, ['From Subject X-Old x-old', 'X-one From Subject'])
})

test('in observe mode a modifier changes nothing, and the record says what it would do', async () => {
  const outcome = await change([{ do: 'removeHeader', name: 'X-Old' }], 'observe')
  assert.equal(await textOf(outcome), MESSAGE)
  assert.equal(outcome.results[0]?.reason, 'would do: removeHeader X-Old')
})

test('in tag mode a modifier may add header fields, and does nothing if it would do more', async () => {
  const add = { do: 'addHeader', name: 'X-A', value: 'x' }
  assert.match(await textOf(await change([add], 'tag')), /^X-A: x/)
  const more = await change([add, { do: 'removeHeader', name: 'X-Old' }], 'tag')
  assert.equal(await textOf(more), MESSAGE)
})

test('content in a file is changed without being read into memory', async () => {
  const body = Buffer.from('x'.repeat(1000))
  const head = Buffer.from('From: a@client.test\r\nX-Old: 1\r\n\r\n')
  const content = {
    size: head.length + 50 * body.length,
    bytes: null,
    async *stream() {
      yield head.subarray(0, 25)
      yield head.subarray(25)
      for (let i = 0; i < 50; i++) yield body
    },
  }
  const message = { ...chainMessage(`${head}`), content }
  const outcome = await chainOf([modifier([{ do: 'removeHeader', name: 'X-Old' }])]).data(message, never)
  const text = await textOf(outcome)
  assert.equal(text, `From: a@client.test\r\n\r\n${'x'.repeat(50_000)}`)
  assert.equal(outcome.content.size, text.length)
  assert.equal(outcome.content.bytes, null)
})

test('eight bits in new content are reported', async () => {
  const made = (text: string) => [{ do: 'replaceContent', content: memoryContent(Buffer.from(text)) }]
  assert.equal((await change(made('A: 1\r\n\r\nZoë\r\n'))).eightBit, true)
  assert.equal((await change(made('A: 1\r\n\r\nZoe\r\n'))).eightBit, false)
  assert.equal((await change([])).eightBit, null)
})

test('closing the chain closes its plugins, and one that fails to close holds up none', async () => {
  const closed: string[] = []
  const plugin = (name: string, fails = false): Inspector => ({
    name,
    data: async () => CONTINUE,
    async close() {
      closed.push(name)
      if (fails) throw new Error('stuck')
    },
  })
  await chainOf([plugin('a', true), plugin('b')]).close()
  assert.deepEqual(closed, ['a', 'b'])
})

test('what a message brings along of the fields that a plugin gives itself is removed, except in mode observe', async () => {
  const plugin: Plugin = {
    name: 'scores',
    ownFields: ['X-Old', 'X-Absent'],
    data: async () => ({ action: 'tag', reason: 'scored', fields: [['X-Old', 'ours']] }),
  }
  const enforced = await textOf(await chainOf([plugin]).data(chainMessage(), never))
  assert.equal(enforced, `X-Old: ours\r\n${MESSAGE.replace(/x-old: .\r\n/gi, '')}`)
  const observed = await textOf(await chainOf([{ plugin, mode: 'observe' }]).data(chainMessage(), never))
  assert.equal(observed, MESSAGE)
})

test('each plugin that can tells how it is, and one that fails to tell raises an alarm', () => {
  const data = async () => ({ action: 'continue' }) as const
  const well: Plugin = { name: 'well', data, health: () => ({ ok: true, text: 'all answer' }) }
  const broken: Plugin = {
    name: 'broken',
    data,
    health() {
      throw new Error('no idea')
    },
  }
  assert.deepEqual(chainOf([{ name: 'silent', data }, well, broken]).health(), [
    { plugin: 'well', ok: true, text: 'all answer' },
    { plugin: 'broken', ok: false, text: 'it cannot say how it is: Error: no idea' },
  ])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer, Inspector, MessageView } from '../../../src/inspect/plugin.ts'
import { CONTINUE } from '../../../src/mail/verdict.ts'
import { chainMessage, chainOf, kept, never, textOf } from './harness.ts'

const plugin = (answer: unknown): Inspector => ({ name: 'finder', data: async () => answer as Answer })
const ANSWER: Answer = {
  verdict: CONTINUE,
  add: [['X-Found', 'it']],
  remove: [{ name: 'X-Old', matches: (value) => value === '1' }],
  facts: { domain: 'a.test' },
}

test('an answer adds and removes fields, whatever its verdict, and its facts are recorded', async () => {
  for (const verdict of [CONTINUE, { action: 'hold', reason: 'look at it' } as const]) {
    const outcome = await chainOf([plugin({ ...ANSWER, verdict })]).data(chainMessage(), never)
    const text = await textOf(outcome)
    assert.ok(text.startsWith('X-Found: it\r\n'))
    assert.ok(!text.includes('X-Old: 1') && text.includes('x-old: 2'))
    assert.equal(outcome.verdict.action, verdict.action)
    assert.deepEqual(outcome.results[0]?.facts, { domain: 'a.test' })
  }
})

test('in mode observe nothing is added or removed, and the facts are recorded all the same', async () => {
  const message = chainMessage()
  const outcome = await chainOf([{ plugin: plugin(ANSWER), mode: 'observe' }]).data(message, never)
  assert.equal(await textOf(outcome), message.content.bytes?.toString())
  assert.deepEqual(outcome.results[0]?.facts, { domain: 'a.test' })
})

test('plugins of later phases see the facts of earlier ones', async () => {
  let seen: unknown
  const first: Inspector = { ...plugin(ANSWER), name: 'first', phase: 'authenticate' }
  const second: Inspector = {
    name: 'second',
    data: async ({ results }: MessageView) => {
      seen = results.find((result) => result.plugin === 'first')?.facts
      return CONTINUE
    },
  }
  await chainOf([second, first]).data(chainMessage(), never)
  assert.deepEqual(seen, { domain: 'a.test' })
})

const wrong: readonly (readonly [string, object])[] = [
  ['a Received field to be removed', { remove: [{ name: 'Received' }] }],
  ['a removal without a name', { remove: [{}] }],
  ['facts that are no object', { facts: 'all is well' }],
  ['more facts than a trace holds', { facts: { text: 'x'.repeat(8192) } }],
  ['a Received field to be added', { add: [['Received', 'from nowhere']] }],
]
for (const [what, part] of wrong) {
  test(`an answer with ${what} cannot be understood, and defers`, async () => {
    const outcome = await chainOf([plugin({ verdict: CONTINUE, ...part })], kept()).data(chainMessage(), never)
    assert.equal(outcome.verdict.action, 'defer')
    assert.equal(outcome.results[0]?.failed, true)
  })
}

test('a removal that cannot judge a field removes it', async () => {
  const matches = () => {
    throw new Error('a fault')
  }
  const answer = { verdict: CONTINUE, remove: [{ name: 'X-Old', matches }] }
  const text = await textOf(await chainOf([plugin(answer)]).data(chainMessage(), never))
  assert.ok(!/^x-old/im.test(text))
})

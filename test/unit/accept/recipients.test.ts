import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RecipientLookup } from '../../../src/accept/ports.ts'
import { type Known, Recipients } from '../../../src/accept/recipients.ts'
import { formatAddress } from '../../../src/mail/address.ts'
import { manualClock } from '../../support/clock.ts'
import { options } from './harness.ts'

const ASK = { recipients: 'ask' } as const
const LIST = { recipients: 'list' } as const
const all = options()
const at = (local: string) => ({ local, domain: 'ours.test' })

/** A lookup that answers from a table, later. */
function tableLookup(table: Record<string, Known>, asked: string[] = []): RecipientLookup {
  return {
    async lookup(address) {
      asked.push(formatAddress(address))
      return table[address.local] ?? 'unknown'
    },
  }
}

test('every recipient of a domain that checks nobody exists', () => {
  const recipients = new Recipients(null, null, manualClock())
  assert.equal(recipients.check(at('b'), null, { recipients: 'any' }, all), 'exists')
})

test('a list is asked by address without regard to case or needless quotes', () => {
  const known = new Set(['b@ours.test', '"a b"@ours.test'])
  const list = { has: (_domain: string, key: string) => known.has(key) }
  const recipients = new Recipients(list, null, manualClock())
  const check = (local: string) => recipients.check(at(local), null, LIST, all)
  assert.equal(check('b'), 'exists')
  assert.equal(check('B'), 'exists')
  assert.equal(check('"b"'), 'exists')
  assert.equal(check('"\\b"'), 'exists')
  assert.equal(check('"a b"'), 'exists')
  assert.equal(check('c'), 'unknown')
})

test('postmaster exists in every domain that has a list', () => {
  const recipients = new Recipients({ has: () => false }, null, manualClock())
  assert.equal(recipients.check(at('PostMaster'), null, LIST, all), 'exists')
})

test('where nobody can be asked, nothing is certain', () => {
  const recipients = new Recipients(null, null, manualClock())
  assert.equal(recipients.check(at('b'), null, LIST, all), 'temporary')
  assert.equal(recipients.check(at('b'), null, ASK, all), 'temporary')
})

test('answers are kept as long as they hold, a yes longer than a no', async () => {
  const clock = manualClock()
  const asked: string[] = []
  const recipients = new Recipients(null, tableLookup({ b: 'exists' }, asked), clock)
  const { knownMs, unknownMs } = all.recipientCheck
  const both = async () => [
    await recipients.check(at('b'), null, ASK, all),
    await recipients.check(at('c'), null, ASK, all),
  ]
  assert.deepEqual(await both(), ['exists', 'unknown'])
  assert.deepEqual(await both(), ['exists', 'unknown'])
  assert.deepEqual(asked, ['b@ours.test', 'c@ours.test'])
  clock.advance(unknownMs)
  await both()
  assert.deepEqual(asked.slice(2), ['c@ours.test'])
  clock.advance(knownMs - unknownMs)
  await both()
  assert.equal(asked.filter((address) => address === 'b@ours.test').length, 2)
})

test('what is known answers at once', async () => {
  const recipients = new Recipients(null, tableLookup({ b: 'exists' }), manualClock())
  assert.ok(recipients.check(at('b'), null, ASK, all) instanceof Promise)
  await recipients.check(at('b'), null, ASK, all)
  assert.equal(recipients.check(at('B'), null, ASK, all), 'exists')
})

test('the same question is asked once at a time', async () => {
  const asked: string[] = []
  const recipients = new Recipients(null, tableLookup({ b: 'exists' }, asked), manualClock())
  const answers = await Promise.all([1, 2, 3].map(() => recipients.check(at('b'), null, ASK, all)))
  assert.deepEqual(answers, ['exists', 'exists', 'exists'])
  assert.equal(asked.length, 1)
})

test('a temporary failure, a rejection and nonsense are not kept, and not believed', async () => {
  const answers: unknown[] = ['temporary', 'yes', 'exists']
  let asked = 0
  const lookup: RecipientLookup = {
    async lookup() {
      asked++
      if (answers.length === 3) {
        answers.shift()
        throw new Error('broken')
      }
      return answers.shift() as Known
    },
  }
  const recipients = new Recipients(null, lookup, manualClock())
  const check = async () => recipients.check(at('b'), null, ASK, all)
  assert.deepEqual([await check(), await check(), await check()], ['temporary', 'temporary', 'exists'])
  assert.equal(asked, 3)
})

test('no more answers are kept than allowed', async () => {
  const recipients = new Recipients(null, tableLookup({}), manualClock())
  const few = { ...all, limits: { ...all.limits, remembered: 5 } }
  for (let i = 0; i < 20; i++) await recipients.check(at(`b${i}`), null, ASK, few)
  assert.equal(recipients.remembered, 5)
})

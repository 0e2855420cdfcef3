import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Account } from '../../../scripts/lib/prove/network/account.ts'
import { makeMail } from '../../../scripts/lib/prove/network/mail.ts'
import { connectionPlan } from '../../../scripts/lib/prove/network/plan.ts'
import { randomOf } from '../../../scripts/lib/prove/random.ts'
import { eicar } from '../../../scripts/lib/scanners/samples.ts'

const random = { ...randomOf(1), chance: () => false }
const arrival = (text: string) => ({ mailFrom: 'proof@client.test', content: Buffer.from(text) })

test('the account calls lost what was acknowledged and did not arrive', () => {
  const account = new Account()
  const [one, two] = [makeMail('one', random), makeMail('two', random)]
  for (const mail of [one, two]) account.acknowledge(mail)
  account.arrive(arrival(`Received: by somebody\r\n${one.text}`))
  assert.deepEqual(account.lost, ['two'])
  assert.deepEqual(account.altered, [])
})

test('a message that arrives with one letter changed is altered, and has not arrived', () => {
  const account = new Account()
  const mail = makeMail('one', random)
  account.acknowledge(mail)
  account.arrive(arrival(mail.text.replace('patient', 'patienT')))
  assert.deepEqual([account.altered, account.lost], [['one'], ['one']])
})

test('what the network garbled is not held against the daemon, unless its client heard a 250', () => {
  const account = new Account()
  const spoilt = (id: string) => arrival(makeMail(id, random).text.replace('patient', '\x90'))
  for (const id of ['garbled', 'innocent']) account.begun.add(id)
  account.garbled.add('garbled')
  account.arrive(spoilt('garbled'))
  account.arrive(spoilt('nobody-sent-this'))
  assert.deepEqual([account.altered, account.garbledArrived], [[], 2])
  account.arrive(spoilt('innocent'))
  assert.deepEqual(account.altered, ['innocent'])
  account.acknowledge(makeMail('garbled', random))
  account.arrive(spoilt('garbled'))
  assert.deepEqual(account.altered, ['innocent', 'garbled'])
})

test('what arrives though the scanner was never given it is unscanned, and a virus is one', () => {
  const account = new Account()
  account.arrive(arrival(makeMail('seen', random).text))
  account.handedToScanner.add('seen')
  account.arrive(arrival(makeMail('unseen', random).text))
  assert.deepEqual(account.unscanned, ['unseen'])
  account.arrive(arrival(`${makeMail('ill', random).text}${eicar()}\r\n`))
  assert.equal(account.viruses, 1)
})

test('a notice of failure and a refusal for good count against the network, a virus refused does not', () => {
  const account = new Account()
  account.arrive({ mailFrom: '', content: Buffer.from('Subject: returned\r\n\r\n') })
  account.refuse('554 5.7.1 The message holds a virus (Eicar-Test-Signature)')
  account.refuse('451 4.7.1 later')
  account.refuse('554 5.\ufffd7.1 The message holds a virus')
  account.refuse('550 5.1.2 no such domain')
  assert.equal(account.notices, 1)
  assert.deepEqual([...account.refusals.keys()], ['550 5.1.2 no such domain'])
})

test('equal seeds give equal faults, and fair weather none', () => {
  const plan = (seed: number, foul = true) => {
    const next = connectionPlan({ seed, name: 'pair', percent: 50, weather: { foul }, garbageUp: false })
    return Array.from({ length: 200 }, () => next())
  }
  assert.deepEqual(plan(5), plan(5))
  assert.notDeepEqual(plan(5), plan(6))
  assert.ok(plan(5, false).every((fault) => fault === null))
  assert.ok(plan(5).every((fault) => fault?.kind !== 'garbage' || fault.direction === 'down'))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOTHING } from '../../../src/inspect/outcome.ts'
import type { Direction, Inspector, Modifier } from '../../../src/inspect/plugin.ts'
import { compileWhen, neverAsked, type When } from '../../../src/inspect/when.ts'
import type { Recipient } from '../../../src/mail/envelope.ts'
import { CONTINUE } from '../../../src/mail/verdict.ts'
import { chainMessage, chainOf, never, SESSION, textOf } from './harness.ts'

const INBOUND = { client: null, sender: 'far.test', direction: 'inbound', recipient: 'ours.test' } as const
const OUTBOUND = { client: 'ward', sender: 'ours.test', direction: 'outbound', recipient: 'a.far.test' } as const

const applies = (when: When, known: Parameters<NonNullable<ReturnType<typeof compileWhen>>>[0]) =>
  compileWhen(when)?.(known)

test('a condition without anything in it is none', () => {
  assert.equal(compileWhen(undefined), null)
  assert.equal(compileWhen({}), null)
  assert.equal(compileWhen({ direction: null, clients: null, senders: null, recipients: null }), null)
})

test('everything that is given must match', () => {
  const when: When = { direction: ['outbound'], clients: ['ward'], senders: ['ours.test'], recipients: ['.far.test'] }
  assert.equal(applies(when, OUTBOUND), true)
  assert.equal(applies({ ...when, direction: ['inbound', 'internal'] }, OUTBOUND), false)
  assert.equal(applies({ ...when, clients: ['*', 'lab'] }, OUTBOUND), false)
  assert.equal(applies({ ...when, senders: ['far.test'] }, OUTBOUND), false)
  assert.equal(applies({ ...when, recipients: ['far.test'] }, OUTBOUND), false)
})

test('the star is the outside world, and no client', () => {
  assert.equal(applies({ clients: ['*'] }, INBOUND), true)
  assert.equal(applies({ clients: ['*'] }, OUTBOUND), false)
})

test('a leading dot is all names below, and not the name itself', () => {
  const below = (recipient: string) => applies({ recipients: ['.far.test'] }, { ...OUTBOUND, recipient })
  assert.deepEqual(['a.far.test', 'b.a.far.test', 'far.test', 'nofar.test'].map(below), [true, true, false, false])
})

test('the null reverse-path is in no domain', () => {
  assert.equal(applies({ senders: ['far.test', '.far.test'] }, { ...INBOUND, sender: null }), false)
})

test('before it is known what a condition goes by, it does not apply', () => {
  const [outside, client] = [{ client: null }, { client: 'ward' }]
  assert.equal(applies({ recipients: ['ours.test'] }, { ...outside, sender: 'far.test' }), false)
  assert.equal(applies({ senders: ['far.test'] }, outside), false)
  assert.equal(applies({ direction: ['inbound'] }, outside), true)
  assert.equal(applies({ direction: ['inbound'] }, client), false)
  assert.equal(applies({ direction: ['outbound'] }, client), false)
  assert.equal(applies({ direction: ['outbound', 'internal'] }, client), true)
  assert.equal(applies({ direction: ['outbound', 'internal'] }, outside), false)
})

test('a plugin that could never be asked is found out', () => {
  const early: Inspector = { name: 'early', mail: async () => CONTINUE }
  const first: Inspector = { name: 'first', connect: async () => CONTINUE }
  assert.match(neverAsked(early, { recipients: ['a.test'] }) ?? '', /recipients/)
  assert.match(neverAsked(first, { senders: ['a.test'] }) ?? '', /sender/)
  assert.match(neverAsked(early, { direction: ['outbound'] }) ?? '', /outbound or internal/)
  assert.equal(neverAsked(early, { senders: ['a.test'], direction: ['inbound'] }), null)
  assert.equal(neverAsked({ ...early, data: async () => CONTINUE }, { recipients: ['a.test'] }), null)
  assert.equal(neverAsked({ name: 'm', modify: async () => [] }, { recipients: ['a.test'] }), null)
})

test('connect, mail and rcpt ask only whom the condition already lets', async () => {
  const asked: string[] = []
  const note = (line: string) => {
    asked.push(line)
    return CONTINUE
  }
  const spy = (name: string): Inspector => ({
    name,
    connect: async () => note(`${name} connect`),
    mail: async () => note(`${name} mail`),
    rcpt: async (_transaction, { address }) => note(`${name} rcpt ${address.domain}`),
  })
  const chain = chainOf([
    { plugin: spy('all') },
    { plugin: spy('from'), when: { senders: ['far.test'] } },
    { plugin: spy('to'), when: { recipients: ['a.test'] } },
  ])
  const mailFrom = { local: 'x', domain: 'far.test' }
  await chain.connect(SESSION)
  await chain.mail(SESSION, mailFrom)
  for (const domain of ['a.test', 'b.test']) {
    await chain.rcpt({ session: SESSION, mailFrom, rcptTo: [], direction: 'inbound' }, to(domain))
  }
  assert.deepEqual(asked, [
    ...['all connect', 'all mail', 'from mail'],
    ...['all rcpt a.test', 'from rcpt a.test', 'to rcpt a.test'],
    ...['all rcpt b.test', 'from rcpt b.test'],
  ])
})

const to = (domain: string): Recipient => ({ address: { local: 'b', domain }, notify: null, orcpt: null })

const grouping = (domains: readonly string[], direction: Direction = 'outbound') => ({
  session: { ...SESSION, client: 'ward' },
  mailFrom: { local: 'x', domain: 'ours.test' },
  rcptTo: domains.map((domain) => ({ recipient: to(domain), direction })),
  header: [],
})

const adds = (name: string): Modifier => ({
  name,
  modify: async () => [{ do: 'addHeader', name: `X-${name}`, value: 'yes' }],
})

test('without conditions on content nobody need be grouped', () => {
  assert.equal(chainOf([adds('a')]).isConditional, false)
  const early: Inspector = { name: 'early', rcpt: async () => CONTINUE }
  assert.equal(chainOf([{ plugin: early, when: { recipients: ['a.test'] } }]).isConditional, false)
  assert.equal(chainOf([{ plugin: adds('a'), when: { recipients: ['a.test'] } }]).isConditional, true)
})

test('recipients are grouped by the plugins that apply to them, in the order of the first ones', async () => {
  const chain = chainOf([
    { plugin: adds('all') },
    { plugin: adds('one'), when: { recipients: ['one.test', 'both.test'] } },
    { plugin: adds('two'), when: { recipients: ['two.test', 'both.test'] } },
  ])
  const groups = chain.groups(grouping(['none.test', 'one.test', 'two.test', 'one.test', 'both.test', 'other.test']))
  assert.deepEqual(
    groups.map(({ indexes }) => indexes),
    [[0, 5], [1, 3], [2], [4]],
  )
  const fields = groups.map(async (group) => {
    const text = await textOf(await group.chain.data(chainMessage(), never))
    return [...text.matchAll(/^X-(all|one|two):/gm)].map(([, name]) => name)
  })
  assert.deepEqual(await Promise.all(fields), [['all'], ['one', 'all'], ['two', 'all'], ['two', 'one', 'all']])
})

test('the same set of plugins is the same chain the next time', () => {
  const chain = chainOf([{ plugin: adds('one'), when: { recipients: ['one.test'] } }])
  const [first] = chain.groups(grouping(['one.test']))
  const [, second] = chain.groups(grouping(['else.test', 'one.test']))
  assert.equal(first?.chain, second?.chain)
})

test('no more chains are kept than a bound, and all sets are still right', async () => {
  const names = Array.from({ length: 300 }, (_, i) => `d${i}.test`)
  const chain = chainOf(names.map((name, i) => ({ plugin: adds(`p${i}`), when: { recipients: [name] } })))
  const groups = chain.groups(grouping(names))
  assert.equal(groups.length, 300)
  const text = await textOf(await (groups[299]?.chain ?? chain).data(chainMessage(), never))
  assert.deepEqual(text.match(/^X-p\d+:/gm), ['X-p299:'])
})

test('what only a plugin may give is taken from mail that it does not look at, too', async () => {
  const owner: Inspector = { name: 'owner', ownFields: ['X-Old'], data: async () => CONTINUE }
  const chain = chainOf([{ plugin: owner, when: { direction: ['inbound'] } }])
  const [group] = chain.groups(grouping(['far.test']))
  const outcome = await group?.chain.data(chainMessage(), never)
  assert.ok(outcome)
  assert.deepEqual(outcome.results, NOTHING.results)
  assert.doesNotMatch(await textOf(outcome), /X-Old/i)
})

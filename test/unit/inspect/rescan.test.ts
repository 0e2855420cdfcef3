import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Inspector } from '../../../src/inspect/plugin.ts'
import { memoryContent } from '../../../src/mail/content.ts'
import { reply } from '../../../src/mail/reply.ts'
import { CONTINUE, type Verdict } from '../../../src/mail/verdict.ts'
import { chainMessage, chainOf, kept, MESSAGE } from './harness.ts'

const held = (text = MESSAGE) => {
  const { envelope } = chainMessage()
  return { id: '0123456789A', client: null, envelope, content: memoryContent(Buffer.from(text)) }
}

const again = (verdict: Verdict, name = 'scan'): Inspector => ({ name, rescan: true, data: async () => verdict })

const REJECT: Verdict = { action: 'reject', reason: 'virus X', reply: reply(554, '5.7.1', 'No') }
const TAG: Verdict = { action: 'tag', reason: 'virus X can be removed', fields: [['X-A', 'yes']] }

test('only plugins that want to see held content again are asked, whatever their condition says', async () => {
  const asked: string[] = []
  const spy = (name: string, rest: object): Inspector => ({
    ...rest,
    name,
    data: async ({ header, content, session }) => {
      asked.push(`${name} ${session.id} ${header[0]?.value} ${content.size}`)
      return CONTINUE
    },
  })
  const chain = chainOf([spy('once', {}), { plugin: spy('again', { rescan: true }), when: { clients: ['ward'] } }])
  assert.equal(chain.rescans, true)
  assert.equal((await chain.rescan(held())).verdict.action, 'continue')
  assert.deepEqual(asked, [`again 0123456789A a@client.test ${MESSAGE.length}`])
  assert.equal(chainOf([spy('once', {})]).rescans, false)
})

test('the worst verdict counts, with its plugin', async () => {
  const outcome = await chainOf([again(CONTINUE, 'a'), again(REJECT, 'b')]).rescan(held())
  assert.deepEqual([outcome.verdict.action, outcome.plugin], ['reject', 'b'])
})

test('a plugin that would change what is held does not let it go out', async () => {
  const outcome = await chainOf([again(TAG)]).rescan(held())
  assert.deepEqual([outcome.verdict, outcome.plugin], [{ action: 'hold', reason: 'virus X can be removed' }, 'scan'])
})

test('a plugin that only observes or tags lets it go out', async () => {
  for (const [mode, action] of [
    ['observe', 'continue'],
    ['tag', 'tag'],
  ] as const) {
    const outcome = await chainOf([{ plugin: again(REJECT), mode }]).rescan(held())
    assert.equal(outcome.verdict.action, action)
  }
})

test('what fails, or content that cannot be read, does not go out', async () => {
  const broken: Inspector = {
    name: 'broken',
    rescan: true,
    data: async () => {
      throw new Error('no scanner')
    },
  }
  assert.equal((await chainOf([broken]).rescan(held())).verdict.action, 'defer')
  const gone = {
    size: 10,
    bytes: null,
    // biome-ignore lint/correctness/useYield: it ends before its first byte
    async *stream(): AsyncGenerator<Buffer> {
      throw new Error('the file has gone')
    },
  }
  const context = kept()
  const outcome = await chainOf([again(CONTINUE)], context).rescan({ ...held(), content: gone })
  assert.equal(outcome.verdict.action, 'defer')
  assert.match(String(context.lines[0]?.cause), /the file has gone/)
})

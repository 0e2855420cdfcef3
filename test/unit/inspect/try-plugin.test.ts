import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/clock.ts'
import { CONTINUE, type Inspector, type Modifier, type PluginFactory, reply, tryPlugin } from '../../../src/index.ts'
import { silentLog } from '../../../src/log.ts'

const example = new URL('../../../config/examples/plugins/subject-length.js', import.meta.url).href

test('the example is tried as the relay would use it', async () => {
  const { default: make } = (await import(example)) as { default: PluginFactory }
  const plugin = await make({ most: 10 }, { log: silentLog, clock: systemClock })
  const long = await tryPlugin(plugin, { message: 'From: a@example.org\nSubject: eleven char\n\nbody\n' })
  assert.equal(long.action, 'tag')
  assert.match(long.message.toString(), /^X-Long-Subject: 11\r\nFrom: /)
  assert.equal((await tryPlugin(plugin)).action, 'continue')
  assert.doesNotMatch((await tryPlugin(plugin, { mode: 'observe' })).message.toString(), /X-Long/)
})

test('a refusal comes with the reply, of whichever hook', async () => {
  const refuse = { action: 'reject', reason: 'no', reply: reply(550, '5.7.1', 'Not here') } as const
  const plugin: Inspector = { name: 'no', rcpt: async (_, to) => (to.address.local === 'bad' ? refuse : CONTINUE) }
  const refused = await tryPlugin(plugin, { to: ['good@example.net', 'bad@example.net'] })
  assert.deepEqual([refused.action, refused.reply, refused.reason], ['reject', '550 5.7.1 Not here', 'no'])
  assert.equal((await tryPlugin(plugin, { to: ['good@example.net'] })).action, 'continue')
})

test('a plugin that throws, or does not answer in time, defers', async () => {
  const throws: Inspector = {
    name: 'throws',
    data: async () => {
      throw new Error('broken')
    },
  }
  const silent: Inspector = { name: 'silent', data: () => new Promise(() => {}) }
  assert.match((await tryPlugin(throws)).reply ?? '', /^451 /)
  const late = await tryPlugin(silent, { deadlineMs: 20 })
  assert.deepEqual([late.action, late.results.at(-1)?.failed], ['defer', true])
})

test('a modifier shows the message as it would go on', async () => {
  const plugin: Modifier = { name: 'adds', modify: async () => [{ do: 'addHeader', name: 'X-Ward', value: '7' }] }
  const { message } = await tryPlugin(plugin, { message: Buffer.from('From: a@example.org\r\n\r\nbody\r\n') })
  assert.equal(message.toString(), 'X-Ward: 7\r\nFrom: a@example.org\r\n\r\nbody\r\n')
})

test('what is no address is refused as a mistake of the trial', async () => {
  await assert.rejects(tryPlugin({ name: 'x', connect: async () => CONTINUE }, { from: 'no address' }), TypeError)
})

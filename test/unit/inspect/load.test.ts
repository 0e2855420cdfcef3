import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ChainEntry, loadChain, loadPlugin } from '../../../src/inspect/load.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { chainMessage, kept, LIMITS, never, textOf } from './harness.ts'

function module(t: TestContext, source: string, mode = 0o644): string {
  const path = join(temporaryFolder(t), 'plugin.mjs')
  writeFileSync(path, source)
  chmodSync(path, mode)
  return path
}

const entry = (changes: Partial<ChainEntry>): ChainEntry => ({
  name: 'module',
  module: null,
  mode: 'enforce',
  deadlineMs: 5000,
  options: {},
  ...changes,
})

const load = (entries: readonly ChainEntry[]) => loadChain(entries, LIMITS, kept())

const FINE = `export default { name: 'ours', data: async () => ({ action: 'hold', reason: 'ours' }) }`

test("an operator's own plugin is a module whose default export is one", async (t) => {
  const chain = await load([entry({ module: module(t, FINE) })])
  const { verdict, plugin } = await chain.data(chainMessage(), never)
  assert.deepEqual([verdict.action, plugin], ['hold', 'ours'])
})

test('or a function that makes one, from the options and what it may use of the daemon', async (t) => {
  const source = `export default async (options, { log, clock }) => {
    log.info({ at: typeof clock.now() }, 'made')
    return { name: 'made', modify: async () => [{ do: 'addHeader', name: 'X-Made', value: options.value }] }
  }`
  const context = kept()
  const chain = await loadChain([entry({ module: module(t, source), options: { value: 'here' } })], LIMITS, context)
  assert.match(await textOf(await chain.data(chainMessage(), never)), /^X-Made: here\r\n/)
  assert.equal(context.lines[0]?.at, 'number')
})

const wrong: readonly (readonly [string, string, RegExp])[] = [
  ['without a default export', 'export const plugin = {}', /has no default export/],
  ['that exports something else', 'export default 5', /gives no object/],
  ['without a name', 'export default { data: async () => {} }', /has no name/],
  ['with a bad name', `export default { name: 'a b', data: async () => {} }`, /has no name of letters/],
  ['with the name of a built-in one', `export default { name: 'headers', data: async () => {} }`, /that of a built-in/],
  ['that does nothing', `export default { name: 'x' }`, /does nothing: it needs modify, or one of connect, mail/],
  ['that looks and changes', `export default { name: 'x', data() {}, modify() {} }`, /looks and changes/],
  ['with a method that is none', `export default { name: 'x', data: 5 }`, /data of the plugin x is no function/],
  [
    'that would give Received fields',
    `export default { name: 'x', ownFields: ['Received'], data() {} }`,
    /ownFields of the plugin x/,
  ],
  ['in a phase that does not exist', `export default { name: 'x', phase: 'late', data() {} }`, /no phase late/],
  ['whose function fails', `export default () => { throw new Error('no list') }`, /its function failed: no list/],
  ['that is no program', 'export default {', /cannot be loaded: /],
]

for (const [what, source, expected] of wrong) {
  test(`a plugin ${what} is refused, with the file's name`, async (t) => {
    const path = module(t, source)
    await assert.rejects(load([entry({ module: path })]), (error: Error) => {
      assert.equal(error.name, 'OptionsError')
      assert.match(error.message, expected)
      assert.ok(error.message.includes(path))
      return true
    })
  })
}

test('a plugin that is not there is refused', async (t) => {
  await assert.rejects(load([entry({ module: join(temporaryFolder(t), 'none.mjs') })]), /cannot be read/)
})

test('a plugin that others can write to is refused: it would see all mail', async (t) => {
  for (const mode of [0o664, 0o646]) {
    await assert.rejects(load([entry({ module: module(t, FINE, mode) })]), /chmod go-w/)
  }
})

test('a plugin that has changed is loaded anew', async (t) => {
  const path = module(t, FINE)
  const context = kept()
  assert.equal((await loadPlugin(path, {}, context)).name, 'ours')
  writeFileSync(path, FINE.replace(`'ours'`, `'newer'`))
  utimesSync(path, new Date(), new Date(Date.now() + 5000))
  assert.equal((await loadPlugin(path, {}, context)).name, 'newer')
})

test('built-in plugins are made from their options, and a wrong option stops the chain', async () => {
  const chain = await load([entry({ name: 'headers', options: { from: 'hold' } })])
  const message = chainMessage('Subject: x\r\n\r\nbody\r\n')
  assert.equal((await chain.data(message, never)).verdict.action, 'hold')
  await assert.rejects(load([entry({ name: 'headers', options: { from: 'x' } })]), /headers: from: expected/)
  await assert.rejects(load([entry({ name: 'unknown' })]), /there is no plugin unknown; there are headers, senders/)
  await assert.rejects(load([entry({ name: 'constructor' })]), /there is no plugin constructor/)
})

test('a plugin stands in the chain once', async (t) => {
  const path = module(t, FINE)
  await assert.rejects(load([entry({ module: path }), entry({ module: path })]), /the plugin ours stands there twice/)
})

test('the mode and the deadline are those of the entry', async (t) => {
  const chain = await load([entry({ module: module(t, FINE), mode: 'observe' })])
  const { verdict, results } = await chain.data(chainMessage(), never)
  assert.deepEqual([verdict.action, results[0]?.verdict, results[0]?.mode], ['continue', 'hold', 'observe'])
})

test('the example that comes with Postern works', async (t) => {
  const path = join(temporaryFolder(t), 'subject-length.mjs')
  copyFileSync(fileURLToPath(new URL('../../../config/examples/plugins/subject-length.js', import.meta.url)), path)
  chmodSync(path, 0o644)
  const chain = await load([entry({ module: path, options: { most: 5 } })])
  const long = await chain.data(chainMessage(), never)
  assert.match(await textOf(long), /^X-Long-Subject: 7\r\n/)
  const short = await chain.data(chainMessage('Subject: x\r\n\r\n'), never)
  assert.equal(await textOf(short), 'Subject: x\r\n\r\n')
  await assert.rejects(load([entry({ module: path, options: { most: 'many' } })]), /most must be a number above 0/)
})

test('plugins that were made before one that cannot be made are closed', async (t) => {
  const mark = join(temporaryFolder(t), 'closed')
  const source = `import { writeFileSync } from 'node:fs'
  export default { name: 'first', data: async () => {}, close: async () => writeFileSync(${JSON.stringify(mark)}, 'x') }`
  await assert.rejects(load([entry({ module: module(t, source) }), entry({ name: 'unknown' })]), /no plugin unknown/)
  assert.equal(readFileSync(mark, 'utf8'), 'x')
})

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../../support/folder.ts'
import { run } from '../../support/process.ts'

const REPORTER = fileURLToPath(new URL('../../../scripts/lib/reporter.ts', import.meta.url))

/** Runs test files of this text; gives the report and the exit code. */
async function report(t: TestContext, ...texts: string[]) {
  const folder = temporaryFolder(t)
  const files = texts.map((text, i) => {
    const file = join(folder, `${i}.test.mjs`)
    writeFileSync(file, `import test, { describe } from 'node:test'\n${text}`)
    return file
  })
  // Without it, node takes itself for a part of the run around it
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { code, stdout } = await run(process.execPath, ['--test', `--test-reporter=${REPORTER}`, ...files], { env })
  return { code, stdout, last: stdout.trimEnd().split('\n').at(-1) }
}

test('the last line counts tests that passed, failed and were skipped, and no suites', async (t) => {
  const { code, last, stdout } = await report(
    t,
    "test('a', () => {}); describe('s', () => { test('b', () => {}); test('c', (t) => t.skip('no reason')) })",
    "test('p', async (t) => { await t.test('q', () => { throw new Error('this one') }) })",
  )
  assert.equal(last, '2 passed, 1 failed, 1 skipped')
  assert.equal(code, 1)
  assert.match(stdout, /FAIL q .*\n\s+Error: this one/)
  assert.match(stdout, /^skipped: c: no reason$/m)
})

test('a file that cannot be loaded, or ends badly, is a failure with its words', async (t) => {
  const { code, last, stdout } = await report(
    t,
    "import './nowhere.mjs'",
    "test('a', () => {}); setTimeout(() => process.exit(3))",
  )
  assert.match(last ?? '', /^\d passed, [12] failed$/)
  assert.equal(code, 1)
  assert.match(stdout, /Cannot find module/)
})

test('where all is well the line says so and nothing else is shown but the files', async (t) => {
  const { code, last, stdout } = await report(t, "test('a', () => { console.log('chatter') })")
  assert.equal(last, '1 passed, 0 failed')
  assert.equal(code, 0)
  assert.doesNotMatch(stdout, /chatter|FAIL/)
})

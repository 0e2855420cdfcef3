import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)
const MIB = 1024 * 1024

const FUNCTION = new URL('../../../src/daemon/young-heaps.ts', import.meta.url).href

/** Makes garbage of which much lives for a while, so that the young generation becomes as large as it may; gives its size, bytes. */
const GROW = `
  const { getHeapSpaceStatistics } = await import('node:v8')
  let most = 0
  for (let kept = [], i = 0; i < 3_000_000; i++) {
    kept.push({ i })
    if (kept.length > 150_000) kept = []
    if (i % 50_000 === 0) most = Math.max(most, getHeapSpaceStatistics().find((s) => s.space_name === 'new_space').space_size)
  }`

const program = (leave: boolean): string => `
  import { Worker } from 'node:worker_threads'
  import { once } from 'node:events'
  ${leave ? `const { leaveYoungHeapsToThreads } = await import('${FUNCTION}'); leaveYoungHeapsToThreads()` : ''}
  const inThread = \`(async () => {${GROW}; (await import('node:worker_threads')).parentPort.postMessage(most) })()\`
  const worker = new Worker(inThread, { eval: true, resourceLimits: { maxYoungGenerationSizeMb: 6 } })
  const [thread] = await once(worker, 'message')
  ${GROW}
  console.log(JSON.stringify({ main: most, thread }))`

/** How large the young generations become, MiB, where V8's flag allows two halves of 8 MiB and the thread's limit two of 2 MiB. */
async function young(leave: boolean): Promise<{ main: number; thread: number }> {
  const flags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=8', '--input-type=module']
  const { stdout } = await run(process.execPath, [...flags, '--eval', program(leave)])
  const { main, thread } = JSON.parse(stdout) as { main: number; thread: number }
  return { main: main / MIB, thread: thread / MIB }
}

test('A thread keeps to the young generation that it is started with, and the main thread to the one of the flag.', async () => {
  const { main, thread } = await young(true)
  assert.ok(thread <= 4, `the thread's young generation grew to ${thread} MiB`)
  assert.ok(main > 4 && main <= 16, `the main thread's young generation grew to ${main} MiB`)
})

test('Without being told, V8 would give every thread what its flag says.', async () => {
  const { thread } = await young(false)
  assert.ok(thread > 4, `the thread's young generation grew to ${thread} MiB`)
})

import { registerHooks } from 'node:module'

/**
 * Loaded with `node --import` before a daemon, and so in each of its threads: kills the daemon at
 * the named point of a commit that `POSTERN_TEST_CRASH` asks for: `commit.after:3` is its third time,
 * `settle>commit.after:3` the third time in a commit that settles something. Points of threads that have none of
 * their own begin with the thread's name: `record.tick>record.commit.before`.
 * With `POSTERN_TEST_HURRY` set, what the daemon does once a minute or in the tenth minute it does many times a second.
 * The product itself knows no such variables.
 */

const CRASH = `
const [path, nth] = (process.env.POSTERN_TEST_CRASH ?? '').split(':')
const [point, operation = ''] = path.split('>').reverse()
const thread = { 'ledger.ts': 'record.', 'reports.ts': 'reports.' }[process.argv[1]?.split('/').at(-1)] ?? 'other.'
const at = (prefix) => {
  let seen = 0
  let wanted = operation === ''
  return (short) => {
    const name = prefix + short
    if (name === operation) wanted = true
    if (name === point && wanted && ++seen === Number(nth)) process.kill(process.pid, 'SIGKILL')
    if (short === 'reply.before' && operation !== '') wanted = false
  }
}
export const noCrash = at(thread)
export const crashAt = () => at('')
`

/** What is to be found in which file, and what stands there in a hurry. */
const HURRY: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  '/src/deliver/options.ts': [
    ['sweepMs: MINUTE', 'sweepMs: 150'],
    ['sweepBatch: 100', 'sweepBatch: 3'],
  ],
  '/src/deliver/sweeper.ts': [['const GRACE_MS = 1_800_000', 'const GRACE_MS = 0']],
  '/src/deliver/keeper.ts': [['const TICK_MS = 5_000', 'const TICK_MS = 100']],
  '/src/daemon/clock-watch.ts': [
    ['const LOOK_MS = 2000', 'const LOOK_MS = 100'],
    ['const JUMP_MS = 30_000', 'const JUMP_MS = 1000'],
  ],
}

function hurried(url: string, source: string): string {
  let text = source
  for (const [file, changes] of Object.entries(HURRY)) {
    if (!url.endsWith(file)) continue
    for (const [from, to] of changes) {
      if (!text.includes(from)) throw new Error(`${file} has no "${from}" to be hurried`)
      text = text.replace(from, to)
    }
  }
  return text
}

registerHooks({
  load(url, context, next) {
    if (url.endsWith('/src/db/crash.ts')) return { format: 'module', source: CRASH, shortCircuit: true }
    const loaded = next(url, context)
    const isHurried = process.env.POSTERN_TEST_HURRY !== undefined && loaded.source != null
    return isHurried ? { ...loaded, source: hurried(url, String(loaded.source)) } : loaded
  },
})

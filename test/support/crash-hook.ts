import { registerHooks } from 'node:module'

/**
 * Loaded with `node --import` before a daemon, and so in each of its threads: kills the daemon at
 * the named point of a commit that `POSTERN_TEST_CRASH` asks for: `commit.after:3` is its third time,
 * `settle>commit.after:3` the third time in a commit that settles something.
 * The product itself knows no such variable.
 */

const SOURCE = `
const [path, nth] = (process.env.POSTERN_TEST_CRASH ?? '').split(':')
const [point, operation = ''] = path.split('>').reverse()
export const noCrash = () => {}
export function crashAt() {
  let seen = 0
  let wanted = operation === ''
  return (name) => {
    if (name === operation) wanted = true
    if (name === point && wanted && ++seen === Number(nth)) process.kill(process.pid, 'SIGKILL')
    if (name === 'reply.before' && operation !== '') wanted = false
  }
}
`

registerHooks({
  load(url, context, next) {
    if (!url.endsWith('/src/db/crash.ts')) return next(url, context)
    return { format: 'module', source: SOURCE, shortCircuit: true }
  },
})

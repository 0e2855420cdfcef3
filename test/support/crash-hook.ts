import { registerHooks } from 'node:module'

/**
 * Loaded with `node --import` before a daemon, and so in each of its threads: kills the daemon at
 * the named point of a commit that `POSTERN_TEST_CRASH` (`commit.after:3`: the third time) asks for.
 * The product itself knows no such variable.
 */

const SOURCE = `
const [point, nth] = (process.env.POSTERN_TEST_CRASH ?? '').split(':')
export const noCrash = () => {}
export function crashAt() {
  let seen = 0
  return (name) => {
    if (name === point && ++seen === Number(nth)) process.kill(process.pid, 'SIGKILL')
  }
}
`

registerHooks({
  load(url, context, next) {
    if (!url.endsWith('/src/db/crash.ts')) return next(url, context)
    return { format: 'module', source: SOURCE, shortCircuit: true }
  },
})

/**
 * Called at each named point of a commit: after each operation, by its name (`put`, `settle`, `lease` …), then
 * `commit.before`, `commit.after`, `reply.before`. Does nothing, but in tests that kill the process there.
 */
export type CrashPoint = (name: string) => void

export const noCrash: CrashPoint = () => {}

/** Where to crash, the nth time that the point is reached: the whole process (`kill`) or the thread alone (`exit`). */
export interface CrashSpec {
  readonly name: string
  readonly nth: number
  readonly how: 'kill' | 'exit'
}

/** For tests of durability. `null` gives a point that does nothing. */
export function crashAt(spec: CrashSpec | null): CrashPoint {
  if (spec === null) return noCrash
  let seen = 0
  return (name) => {
    if (name !== spec.name || ++seen !== spec.nth) return
    if (spec.how === 'kill') process.kill(process.pid, 'SIGKILL')
    else process.exit(1)
  }
}

/** Called at each named point of a commit. Does nothing, but in tests that kill the process there. */
export type CrashPoint = (name: string) => void

export const noCrash: CrashPoint = () => {}

/**
 * For tests of durability: kills this process with SIGKILL when the point of that name is reached
 * for the nth time. `null` gives a point that does nothing.
 */
export function crashAt(spec: { readonly name: string; readonly nth: number } | null): CrashPoint {
  if (spec === null) return noCrash
  let seen = 0
  return (name) => {
    if (name === spec.name && ++seen === spec.nth) process.kill(process.pid, 'SIGKILL')
  }
}

import type { Scope } from '../../../test/support/scope.ts'

/** For what asks whether it is enough, and shall come to its end. */
export const toTheEnd = (): boolean => false

/** Work with a scope of its own, which ends with it. */
export async function withinScope<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
  const undos: (() => unknown)[] = []
  try {
    return await work({ after: (undo: unknown) => void undos.push(undo as () => unknown) })
  } finally {
    for (const undo of undos.reverse()) await undo()
  }
}

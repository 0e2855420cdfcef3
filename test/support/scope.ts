import type { TestContext } from 'node:test'

/** What can be told to clean up: a test, or whatever else offers `after`. */
export type Scope = Pick<TestContext, 'after'>

const deferred = new WeakMap<Scope, (() => unknown)[]>()

/** Runs `undo` when the scope ends, what was deferred last first: a test's own `after` runs the first one first. */
export function defer(scope: Scope, undo: () => unknown): void {
  const known = deferred.get(scope)
  if (known !== undefined) {
    known.push(undo)
    return
  }
  const undos = [undo]
  deferred.set(scope, undos)
  scope.after(() => undoAll(undos))
}

async function undoAll(undos: (() => unknown)[]): Promise<void> {
  const failures: unknown[] = []
  for (const undo of undos.reverse()) {
    try {
      await undo()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'cleaning up failed')
}

import { setTimeout as sleep } from 'node:timers/promises'

/** Fewer tell nothing of where something goes. */
const FEWEST = 8
const ASK_AGAIN_MS = 3000

/**
 * How much more there is in the last quarter of a run than in its second, by their middle values: what a start and a
 * warm-up bring is over by then, and one value that a busy machine made does not count. Null where there are too few.
 */
export function growthOf(values: readonly number[]): number | null {
  if (values.length < FEWEST) return null
  const quarter = Math.floor(values.length / 4)
  return middle(values.slice(-quarter)) - middle(values.slice(quarter, 2 * quarter))
}

function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return ((sorted[Math.floor((sorted.length - 1) / 2)] ?? 0) + (sorted[Math.ceil((sorted.length - 1) / 2)] ?? 0)) / 2
}

/**
 * Asks until `isGood`, or for so long, and gives what was found last. On a busy machine what is let go is let go late;
 * what leaks never is.
 */
export async function eventually<T>(
  ask: () => Promise<T>,
  isGood: (found: T) => boolean,
  { patienceMs, everyMs = ASK_AGAIN_MS }: { readonly patienceMs: number; readonly everyMs?: number },
): Promise<T> {
  const end = performance.now() + patienceMs
  for (;;) {
    const found = await ask()
    if (isGood(found) || performance.now() >= end) return found
    await sleep(everyMs)
  }
}

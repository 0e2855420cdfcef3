import { setTimeout as sleep } from 'node:timers/promises'

export interface WaitOptions {
  /** For the message of the failure: what did not come. */
  readonly what: string
  readonly timeoutMs?: number
  readonly everyMs?: number
  /** More for the message of the failure, such as the tail of a log. */
  readonly detail?: () => string
}

type Truthy<T> = Exclude<T, false | null | undefined | 0 | ''>

/** Asks again and again until the answer is truthy, and gives that answer. Rejects after `timeoutMs` (default 20 s). */
export async function waitFor<T>(
  ask: () => T | Promise<T>,
  { what, timeoutMs = 20_000, everyMs = 20, detail = () => '' }: WaitOptions,
): Promise<Truthy<T>> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer) return answer as Truthy<T>
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms in vain for ${what}\n${detail()}`.trimEnd())
    await sleep(everyMs)
  }
}

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** What came of one step: its value, or why there is none. */
export type Done<T> = { readonly value: T } | { readonly failure: string }

/**
 * What a long run has done so far, kept after every step. A step that failed stays failed when the run goes on:
 * a server that lost mail does not get another try.
 */
export class Journal {
  readonly #file: string
  readonly #plan: string
  readonly #done: Map<string, Done<unknown>>

  /** Begins anew, unless `resume` and the file holds steps of the same plan. */
  constructor(file: string, { plan, resume }: { readonly plan: unknown; readonly resume: boolean }) {
    this.#file = file
    this.#plan = JSON.stringify(plan)
    this.#done = new Map(resume ? kept(file, this.#plan) : [])
  }

  /** Steps taken over from the run before. */
  get size(): number {
    return this.#done.size
  }

  has(step: string): boolean {
    return this.#done.has(step)
  }

  /** Takes a step, unless it was taken already. Does not reject: a failure is a result. */
  async take<T>(step: string, work: () => Promise<T>): Promise<Done<T>> {
    const known = this.#done.get(step)
    if (known !== undefined) return known as Done<T>
    const done = await work().then(
      (value): Done<T> => ({ value }),
      (error): Done<T> => ({ failure: error instanceof Error ? error.message : String(error) }),
    )
    this.#done.set(step, done)
    this.#write()
    return done
  }

  #write(): void {
    mkdirSync(dirname(this.#file), { recursive: true })
    const text = JSON.stringify({ plan: this.#plan, done: [...this.#done] })
    writeFileSync(`${this.#file}.new`, text)
    renameSync(`${this.#file}.new`, this.#file)
  }
}

function kept(file: string, plan: string): [string, Done<unknown>][] {
  if (!existsSync(file)) return []
  const before = JSON.parse(readFileSync(file, 'utf8')) as { plan: string; done: [string, Done<unknown>][] }
  return before.plan === plan ? before.done : []
}

import { createHash } from 'node:crypto'
import type { Job } from '../../../src/inspect/pool/job.ts'
import { serve } from '../../../src/inspect/pool/serve.ts'

/** Jobs of the tests: each does one thing that real ones may do. */
const echo: Job<unknown, unknown> = (args) => args
const fails: Job<string, never> = (text) => {
  throw new Error(text)
}
const hash: Job<null, { hash: string; pieces: number; whole: boolean }> = async (_, input) => {
  const digest = createHash('sha256')
  let pieces = 0
  for await (const piece of input.stream()) {
    digest.update(piece)
    pieces++
  }
  return { hash: digest.digest('hex'), pieces, whole: input.bytes !== null }
}
const sleeps: Job<number, string> = (ms) => new Promise((resolve) => setTimeout(() => resolve('awake'), ms))
const spins: Job<number, string> = (ms) => {
  for (const end = performance.now() + ms; performance.now() < end; );
  return 'done'
}
const dies: Job<number, never> = (code) => process.exit(code)
const asks: Job<readonly string[], unknown[]> = (subjects, _, context) =>
  Promise.all(subjects.map((subject) => context.ask(subject)))
const neverReads: Job<number, string> = async (ms, input) => {
  for await (const _ of input.stream()) {
    await new Promise((resolve) => setTimeout(resolve, ms))
    return 'one piece'
  }
  return 'none'
}
const unclonable: Job<null, unknown> = () => () => {}

export const JOBS = { echo, fails, hash, sleeps, spins, dies, asks, neverReads, unclonable }

serve(JOBS)

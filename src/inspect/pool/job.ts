/** Work for a thread of the pool: what goes in, and what comes out. Both must be what a structured clone can carry. */
export type Job<Args = never, Result = unknown> = (
  args: Args,
  input: JobInput,
  context: JobContext,
) => Promise<Result> | Result

/** The content that a job is about; empty where it is about none. */
export interface JobInput {
  /** All of it, where it came whole; null: it comes in pieces. */
  readonly bytes: Buffer | null
  /** The pieces in order; once only. */
  stream(): AsyncIterable<Buffer>
}

export interface JobContext {
  /** Asks the main thread, by the `answer` that the job was given. Rejects if it was given none. */
  ask(subject: unknown): Promise<unknown>
}

export type Jobs = Readonly<Record<string, Job>>

export type ArgsOf<J extends Jobs, K extends keyof J> = Parameters<J[K]>[0]
export type ResultOf<J extends Jobs, K extends keyof J> = Awaited<ReturnType<J[K]>>

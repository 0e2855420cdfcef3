import { type MessagePort, parentPort } from 'node:worker_threads'
import type { Job, JobContext, JobInput, Jobs } from './job.ts'
import { arenaReader, type Batch, type Order, Outbox, type Report } from './protocol.ts'

/** The main function of a worker: does the jobs of this table until the thread is ended. */
export function serve(jobs: Jobs): void {
  const port = parentPort
  if (port === null) throw new Error('this file is the main file of a worker thread')
  const outbox = new Outbox<Report>((batch) => send(port, batch))
  const running = new Map<number, Running>()
  port.on('message', (batch: Batch<Order>) => {
    const read = arenaReader(batch.arena)
    for (const order of batch.events) obey(order, read, { jobs, outbox, running })
  })
}

/** A result that cannot travel fails its own job, and no other of its batch. */
function send(port: MessagePort, batch: Batch<Report>): void {
  try {
    port.postMessage(batch)
  } catch (error) {
    for (const report of batch.events) sendAlone(port, report, error as Error)
  }
}

function sendAlone(port: MessagePort, report: Report, { message }: Error): void {
  try {
    port.postMessage({ events: [report], arena: null })
  } catch {
    if (report[0] !== 'pong') port.postMessage({ events: [['failed', report[1], message]], arena: null })
  }
}

interface Shop {
  readonly jobs: Jobs
  readonly outbox: Outbox<Report>
  readonly running: Map<number, Running>
}

function obey(order: Order, read: (bytes: number) => Buffer, shop: Shop): void {
  const { outbox, running } = shop
  if (order[0] === 'ping') {
    outbox.push(['pong'])
    return
  }
  const [, id] = order
  if (order[0] === 'run') {
    const [, , name, args, bytes] = order
    start(id, shop, name, args, bytes === null ? null : read(bytes))
  } else if (order[0] === 'piece') running.get(id)?.give(read(order[2]))
  else if (order[0] === 'end') running.get(id)?.give(null)
  else if (order[0] === 'answer') running.get(id)?.answer(order[2], order[3])
  else running.get(id)?.fail(new Error(order[0] === 'cancel' ? 'no longer wanted' : 'the content could not be read'))
}

function start(id: number, { jobs, outbox, running }: Shop, name: string, args: unknown, bytes: Buffer | null): void {
  const job = jobs[name] as Job<unknown> | undefined
  const run = new Running(id, bytes, outbox)
  running.set(id, run)
  const ended = (report: Report) => {
    running.delete(id)
    outbox.push(report)
  }
  // in an async function, so that a throw is a rejection
  const result = (async () => {
    if (job === undefined) throw new Error(`there is no job ${name}`)
    return job(args, run, run)
  })()
  result.then(
    (value) => ended(['done', id, value]),
    (error: unknown) => ended(['failed', id, error instanceof Error ? error.message : String(error)]),
  )
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** One job under way: its content, as it comes, and its questions. */
class Running implements JobInput, JobContext {
  readonly bytes: Buffer | null
  readonly #id: number
  readonly #outbox: Outbox<Report>
  /** Pieces that came and were not read yet; null is the end. At most as many as the main side's window. */
  readonly #pieces: (Buffer | null)[] = []
  #wake: Waiting | null = null
  #failure: Error | null = null
  readonly #questions = new Map<number, Waiting>()
  #asked = 0

  constructor(id: number, bytes: Buffer | null, outbox: Outbox<Report>) {
    this.#id = id
    this.bytes = bytes
    this.#outbox = outbox
  }

  async *stream(): AsyncIterable<Buffer> {
    if (this.bytes !== null) {
      yield this.bytes
      return
    }
    for (;;) {
      if (this.#pieces.length === 0) await this.#more()
      const piece = this.#pieces.shift() ?? null
      if (piece === null) return
      this.#outbox.push(['taken', this.#id])
      yield piece
    }
  }

  ask(subject: unknown): Promise<unknown> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    const question = this.#asked++
    this.#outbox.push(['ask', this.#id, question, subject])
    return new Promise((resolve, reject) => this.#questions.set(question, { resolve, reject }))
  }

  give(piece: Buffer | null): void {
    this.#pieces.push(piece)
    this.#wake?.resolve(undefined)
  }

  answer(question: number, answer: unknown): void {
    this.#questions.get(question)?.resolve(answer)
    this.#questions.delete(question)
  }

  /** Whatever the job waits for fails. */
  fail(error: Error): void {
    this.#failure = error
    this.#wake?.reject(error)
    for (const { reject } of this.#questions.values()) reject(error)
    this.#questions.clear()
  }

  #more(): Promise<unknown> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    return new Promise<unknown>((resolve, reject) => {
      this.#wake = { resolve, reject }
    }).finally(() => {
      this.#wake = null
    })
  }
}

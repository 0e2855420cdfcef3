import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { ApiError } from './api.ts'
import { CommandFailure, EXIT } from './exit.ts'

/** The daemon's admin API, as the commands call it. Every failure is a CommandFailure that says what to do. */
export interface AdminClient {
  get<T>(path: string, query?: Query): Promise<T>
  post<T>(path: string, body: unknown): Promise<T>
  /** The bytes of an answer as they come. */
  stream(path: string, query?: Query): Promise<AsyncIterable<Buffer>>
}

export type Query = Readonly<Record<string, string | number | readonly string[] | undefined>>

// An action on a million messages takes its time; silence for this long means that something is stuck
const SILENCE_MS = 300_000
const MAX_ANSWER_BYTES = 64 * 1_048_576

interface Call {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: unknown
}

/** Speaks to the daemon that listens on the Unix socket at `socketPath`. */
export function adminClient(socketPath: string): AdminClient {
  const ask = async <T>(call: Call) => JSON.parse(await readText(await send(socketPath, call))) as T
  return {
    get: (path, query = {}) => ask({ method: 'GET', path: withQuery(path, query) }),
    post: (path, body) => ask({ method: 'POST', path, body }),
    stream: (path, query = {}) => send(socketPath, { method: 'GET', path: withQuery(path, query) }),
  }
}

function withQuery(path: string, query: Query): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue
    for (const each of Array.isArray(value) ? value : [value]) params.append(name, String(each))
  }
  return params.size === 0 ? path : `${path}?${params}`
}

async function send(socketPath: string, call: Call): Promise<IncomingMessage> {
  const response = await exchange(socketPath, call).catch((err: NodeJS.ErrnoException) => {
    throw unreachable(socketPath, err)
  })
  if ((response.statusCode ?? 500) < 400) return response
  throw refused(response.statusCode ?? 500, await readText(response))
}

function exchange(socketPath: string, { method, path, body }: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = request({ socketPath, method, path, timeout: SILENCE_MS }, resolve)
    sent.on('error', reject)
    sent.on('timeout', () => sent.destroy(new Error(`no answer for ${SILENCE_MS / 1_000} s`)))
    if (body === undefined) return void sent.end()
    sent.setHeader('content-type', 'application/json')
    sent.end(JSON.stringify(body))
  })
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) throw new CommandFailure(EXIT.failed, 'The daemon answered with more than fits here.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function unreachable(path: string, err: NodeJS.ErrnoException): CommandFailure {
  if (err.code === 'ENOENT' || err.code === 'ECONNREFUSED') {
    return new CommandFailure(
      EXIT.unavailable,
      `The daemon is not running (no one listens at ${path}). Start it with: postern serve --config FILE, ` +
        'or: systemctl start postern. If it runs with another configuration, name it with --config or --socket.',
      { notRunning: true },
    )
  }
  if (err.code === 'EACCES' || err.code === 'EPERM') {
    return new CommandFailure(
      EXIT.noPermission,
      `You may not talk to the daemon: no permission for ${path}. Use sudo, or have your user added to the group of that file.`,
    )
  }
  return new CommandFailure(EXIT.unavailable, `The daemon at ${path} did not answer: ${err.message}`)
}

function refused(status: number, text: string): CommandFailure {
  const message = errorMessage(text) ?? `The daemon answered with status ${status}.`
  if (status === 404) return new CommandFailure(EXIT.notFound, message)
  if (status === 400) return new CommandFailure(EXIT.usage, message)
  return new CommandFailure(status === 503 ? EXIT.unavailable : EXIT.failed, message)
}

function errorMessage(text: string): string | null {
  try {
    const { message } = JSON.parse(text) as Partial<ApiError>
    return typeof message === 'string' ? message : null
  } catch {
    return null
  }
}

import { request } from 'node:http'
import { join } from 'node:path'
import type { AdminPorts, DaemonStatus, ReloadResult } from '../../../src/admin/ports.ts'
import { type AdminOptions, openAdmin } from '../../../src/admin/server.ts'
import { canonicalDestination } from '../../../src/daemon/operator-spool.ts'
import type { TracePage, TraceQuery } from '../../../src/ledger/contract.ts'
import type { Log } from '../../../src/log.ts'
import { type Scope, temporaryFolder } from '../../support/folder.ts'
import { type Opened, openTestSpool } from '../spool/support.ts'

export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of it
  readonly body: any
  readonly text: string
}

export interface Logged {
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/** The admin API on a real socket in front of a real spool. */
export interface Admin extends Opened {
  readonly socketPath: string
  readonly logged: Logged[]
  readonly traced: { readonly query: TraceQuery; readonly page: object }[]
  readonly reloaded: string[]
  get(path: string): Promise<Answer>
  post(path: string, body: unknown): Promise<Answer>
}

export const STATUS: DaemonStatus = {
  version: '0.1.0',
  hostname: 'relay.example.test',
  pid: 4711,
  startedAt: Date.UTC(2026, 10, 22, 9),
  configFile: '/etc/postern/postern.yaml',
  stateDir: '/var/lib/postern',
  phase: 'running',
  listeners: [{ address: '::', port: 25, tls: 'starttls', connections: 3 }],
  unhealthy: [],
  delivery: { messages: 0, connections: 0, nextHops: [] },
  unready: [],
  alarms: [],
  lastReload: null,
}

interface Plugged {
  readonly status?: DaemonStatus
  readonly trace?: () => Promise<TracePage>
  readonly reload?: ReloadResult
  readonly socketMode?: number
  readonly ports?: Partial<AdminPorts>
}

export async function startAdmin(scope: Scope, plugged: Plugged = {}): Promise<Admin> {
  const opened = await openTestSpool(scope)
  const [logged, traced, reloaded]: [Logged[], Admin['traced'], string[]] = [[], [], []]
  const ports: AdminPorts = {
    // the spool may be closed and opened anew in a test
    get spool() {
      return opened.spool
    },
    destination: canonicalDestination,
    trace: {
      trace: (query, page) => {
        traced.push({ query, page })
        return plugged.trace?.() ?? Promise.resolve({ messages: [], next: null })
      },
    },
    status: () => plugged.status ?? STATUS,
    reload: async (by) => {
      reloaded.push(by)
      return plugged.reload ?? { ok: true, problems: [] }
    },
    ...plugged.ports,
  }
  const socketPath = join(temporaryFolder(scope, 'admin'), 'admin.sock')
  const options: AdminOptions = { socketPath, ports, log: recorder(logged), clock: opened.clock }
  const server = await openAdmin(
    plugged.socketMode === undefined ? options : { ...options, socketMode: plugged.socketMode },
  )
  scope.after(() => server.close())
  return Object.assign(opened, {
    socketPath,
    logged,
    traced,
    reloaded,
    get: (path: string) => call(socketPath, 'GET', path),
    post: (path: string, body: unknown) => call(socketPath, 'POST', path, JSON.stringify(body)),
  })
}

export function recorder(logged: Logged[]): Log {
  const keep = (fields: object, message: string) => void logged.push({ fields: { ...fields }, message })
  return { debug: keep, info: keep, warn: keep, error: keep }
}

export function call(socketPath: string, method: string, path: string, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path }, async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      const text = Buffer.concat(chunks).toString('latin1')
      resolve({ status: response.statusCode ?? 0, text, body: parsed(text) })
    })
    sent.on('error', reject)
    if (body !== undefined) sent.setHeader('content-type', 'application/json')
    sent.end(body)
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

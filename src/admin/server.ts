import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify'
import type { Clock } from '../clock.ts'
import { boundAnswers } from '../http-answers.ts'
import { LedgerUnavailable } from '../ledger/contract.ts'
import type { Log } from '../log.ts'
import { SpoolUnavailable } from '../spool/contract.ts'
import type { ApiError } from './api.ts'
import { AdminFailure } from './failure.ts'
import type { AdminPorts } from './ports.ts'
import { addActionRoute } from './routes/actions.ts'
import { addCertificateRoutes } from './routes/certificates.ts'
import { addDomainRoutes } from './routes/domains.ts'
import { addHappeningsRoute } from './routes/happenings.ts'
import { addQueueRoutes } from './routes/queue.ts'
import { addReceiptRoutes } from './routes/receipts.ts'
import { addReloadRoute } from './routes/reload.ts'
import { addReportRoutes } from './routes/reports.ts'
import { addStatusRoute } from './routes/status.ts'
import { addTraceRoute } from './routes/trace.ts'
import { listenOnSocket } from './socket.ts'

export interface AdminOptions {
  /** Path of the Unix socket. Its folder must exist. */
  readonly socketPath: string
  /** File mode of the socket: who may act on the queue. Default 0660: owner and group. */
  readonly socketMode?: number
  /** How long peers are waited for, milliseconds. By default `ADMIN_TIMEOUTS`. */
  readonly timeouts?: AdminTimeouts
  readonly ports: AdminPorts
  readonly log: Log
  readonly clock: Clock
}

/** Silent peers must not take up all connections for long: an operator in trouble waits for one. */
export interface AdminTimeouts {
  /** Until the header of a request is there; and all of it. */
  readonly header: number
  readonly request: number
  /** How long a peer may take nothing of an answer. */
  readonly answer: number
  /** How long a connection is kept for another request. */
  readonly idle: number
}

export const ADMIN_TIMEOUTS: AdminTimeouts = { header: 5_000, request: 10_000, answer: 30_000, idle: 5_000 }

export interface AdminServer {
  readonly socketPath: string
  /** Stops listening and ends what is open; removes the socket. */
  close(): Promise<void>
}

const DEFAULT_MODE = 0o660
// A thousand queue ids fit many times over
const MAX_BODY_BYTES = 262_144
const MAX_CONNECTIONS = 64
const LOOK_MS = 500

/** Opens the admin API. Rejects with AdminSocketTaken if another daemon listens there. */
export async function openAdmin(options: AdminOptions): Promise<AdminServer> {
  const app = buildApp(options)
  boundAnswers(app.server, () => (options.timeouts ?? ADMIN_TIMEOUTS).answer)
  await app.ready()
  app.server.maxConnections = MAX_CONNECTIONS
  await listenOnSocket(app.server, options.socketPath, options.socketMode ?? DEFAULT_MODE)
  return { socketPath: options.socketPath, close: () => app.close() }
}

function buildApp({ ports, log, clock, timeouts = ADMIN_TIMEOUTS }: AdminOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: timeouts.request,
    keepAliveTimeout: timeouts.idle,
    http: { headersTimeout: Math.min(timeouts.header, timeouts.request), connectionsCheckingInterval: LOOK_MS },
    forceCloseConnections: true,
    // Fastify's default drops unknown fields in silence: a misspelt filter would then mean everything
    ajv: { customOptions: { removeAdditional: false, coerceTypes: 'array', allErrors: false } },
  })
  app.setErrorHandler<FastifyError>((err, request, answer) =>
    answerError(err, `${request.method} ${request.url}`, answer, log),
  )
  app.setNotFoundHandler((request, answer) =>
    say(answer, 404, { error: 'not-found', message: `There is no ${request.method} ${request.url}.` }),
  )
  addStatusRoute(app, ports)
  addQueueRoutes(app, ports, log)
  addActionRoute(app, ports, clock, log)
  addTraceRoute(app, ports)
  addHappeningsRoute(app, ports)
  addReceiptRoutes(app, ports, clock, log)
  addReportRoutes(app, ports, clock, log)
  addReloadRoute(app, ports)
  addDomainRoutes(app, ports, log)
  addCertificateRoutes(app, ports)
  return app
}

function answerError(err: FastifyError, what: string, answer: FastifyReply, log: Log): FastifyReply {
  if (err instanceof AdminFailure) return say(answer, err.statusCode, { error: err.error, message: err.message })
  if (err instanceof SpoolUnavailable) {
    return say(answer, 503, { error: 'spool-unavailable', message: `The spool does not answer: ${err.message}` })
  }
  if (err instanceof LedgerUnavailable) {
    return say(answer, 503, { error: 'ledger-unavailable', message: `The record does not answer: ${err.message}` })
  }
  const status = err.statusCode ?? 500
  if (status < 500) return say(answer, status, { error: 'bad-request', message: err.message })
  log.error({ err, request: what }, 'an admin request failed')
  return say(answer, 500, { error: 'failed', message: 'The request failed inside the daemon; its log says why.' })
}

const say = (answer: FastifyReply, status: number, body: ApiError): FastifyReply => answer.code(status).send(body)

import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { OutgoingOverview, ReceivedReport, ReportKind, ReportsOperator } from '../../reports/contract.ts'
import { AdminFailure } from '../failure.ts'
import type { AdminPorts } from '../ports.ts'
import type { ApiIngested, ApiOutgoing, ApiReceivedReport, ApiReport, ApiReportPage } from '../reports-api.ts'

const DAY_MS = 86_400_000
/** A report of the largest size, in base64. */
const IMPORT_BYTES = 32 * 1024 * 1024

const KIND = { kind: { type: 'string', enum: ['tls', 'dmarc'] } } as const
const object = (properties: object, required: readonly string[] = []) =>
  ({ type: 'object', additionalProperties: false, required, properties }) as const
const PARAMS = object(KIND, ['kind'])
const ID = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const
const DAYS = object({ days: { type: 'integer', minimum: 1, maximum: 3650, default: 7 } })
const PAGE = object({ before: ID, limit: { type: 'integer', minimum: 1, maximum: 200, default: 20 } })
const BODY = object(
  {
    content: { type: 'string', minLength: 1, maxLength: IMPORT_BYTES, pattern: '^[A-Za-z0-9+/]+={0,2}$' },
    by: { type: 'string', minLength: 1, maxLength: 128, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$' },
  },
  ['content', 'by'],
)

interface Kind {
  readonly kind: ReportKind
}

/** What operators ask of reports; only where the daemon has them. */
export function addReportRoutes(app: FastifyInstance, { reports }: AdminPorts, clock: Clock, log: Log): void {
  if (reports === undefined) return
  addReading(app, reports)
  app.get<{ Params: Kind; Querystring: { days: number } }>(
    '/v1/reports/:kind/summary',
    { schema: { params: PARAMS, querystring: DAYS } },
    ({ params: { kind }, query: { days } }) => {
      const since = clock.now() - days * DAY_MS
      return kind === 'tls' ? reports.tlsSummary(since) : reports.dmarcSummary(since)
    },
  )
  app.get<{ Params: Kind; Querystring: { days: number } }>(
    '/v1/reports/:kind/outgoing',
    { schema: { params: PARAMS, querystring: DAYS } },
    async ({ params: { kind }, query: { days } }): Promise<ApiOutgoing> =>
      toOutgoing(await reports.outgoing(kind, clock.now() - days * DAY_MS)),
  )
  app.post<{ Params: Kind; Body: { content: string; by: string } }>(
    '/v1/reports/:kind/import',
    { bodyLimit: IMPORT_BYTES, schema: { params: PARAMS, body: BODY } },
    async ({ params: { kind }, body: { content, by } }): Promise<ApiIngested> => {
      const found = await reports.import(kind, Buffer.from(content, 'base64'))
      log.info({ kind, by, outcome: found.is }, 'an operator imported a report')
      return found
    },
  )
}

function addReading(app: FastifyInstance, reports: ReportsOperator): void {
  app.get<{ Params: Kind; Querystring: { before?: number; limit: number } }>(
    '/v1/reports/:kind',
    { schema: { params: PARAMS, querystring: PAGE } },
    async ({ params: { kind }, query: { before, limit } }): Promise<ApiReportPage> => {
      const found = await reports.list(kind, { before: before ?? null, limit })
      const next = found.length < limit ? null : (found.at(-1)?.id ?? null)
      return { reports: found.map(toReceived), next }
    },
  )
  app.get<{ Params: Kind & { id: number } }>(
    '/v1/reports/:kind/:id',
    { schema: { params: object({ ...KIND, id: ID }, ['kind', 'id']) } },
    async ({ params: { kind, id } }): Promise<ApiReport> => {
      const found = await reports.show(kind, id)
      if (found === null) throw new AdminFailure(404, 'not-found', `There is no ${kind} report ${id}.`)
      const { report, ...about } = found
      return { ...toReceived(about), report: { ...report, begins: moment(report.begins), ends: moment(report.ends) } }
    },
  )
}

const moment = (ms: number): string => new Date(ms).toISOString()
const dayText = (day: number): string => moment(day * DAY_MS).slice(0, 10)

const toReceived = ({ receivedAt, begins, ends, ...rest }: ReceivedReport): ApiReceivedReport => ({
  ...rest,
  receivedAt: moment(receivedAt),
  begins: moment(begins),
  ends: moment(ends),
})

const toOutgoing = ({ reports, collecting, overflow }: OutgoingOverview): ApiOutgoing => ({
  reports: reports.map(({ day, nextAt, ...rest }) => {
    return { ...rest, day: dayText(day), nextAt: nextAt === null ? null : moment(nextAt) }
  }),
  collecting: collecting.map(({ day, ...rest }) => ({ ...rest, day: dayText(day) })),
  overflow: overflow.map(({ day, count }) => ({ day: dayText(day), count })),
})

import type { FastifyInstance } from 'fastify'
import { HAPPENED, type Happened, type Happening } from '../../ledger/contract.ts'
import type { ApiHappening, ApiHappeningPage } from '../api-happenings.ts'
import { badRequest } from '../failure.ts'
import { readMoment } from '../filter.ts'
import type { AdminPorts } from '../ports.ts'
import { TRACE_QUERY } from '../schema.ts'
import { type ApiTraceQuery, readQuery } from './trace.ts'

interface ApiHappeningsQuery extends ApiTraceQuery {
  readonly event: Happened
}

const { limit, ...asked } = TRACE_QUERY.properties
/** As for a trace, but that `since` and `until` mean when it happened. */
const HAPPENINGS_QUERY = {
  ...TRACE_QUERY,
  required: ['event', 'since'],
  properties: { ...asked, event: { type: 'string', enum: HAPPENED }, limit: { ...limit, default: 200, maximum: 1000 } },
} as const

export function addHappeningsRoute(app: FastifyInstance, { trace }: AdminPorts): void {
  app.get<{ Querystring: ApiHappeningsQuery }>(
    '/v1/happenings',
    { schema: { querystring: HAPPENINGS_QUERY } },
    async ({ query: { event, since, until, cursor, limit, ...query } }): Promise<ApiHappeningPage> => {
      if (trace.happenings === undefined) throw badRequest('This daemon does not answer that.')
      const from = readMoment(since ?? '')
      const to = until === undefined ? Number.MAX_SAFE_INTEGER : readMoment(until)
      const asked = { what: event, from, to, message: readQuery(query) }
      const { happenings, next } = await trace.happenings(asked, { after: cursor ?? null, limit })
      return { messages: happenings.map(toApiHappening), next }
    },
  )
}

const moment = (ms: number): string => new Date(ms).toISOString()
const momentOrNull = (ms: number | null): string | null => (ms === null ? null : moment(ms))

const toApiHappening = ({ at, receivedAt, stateAt, ...rest }: Happening): ApiHappening => ({
  ...rest,
  at: moment(at),
  receivedAt: momentOrNull(receivedAt),
  stateAt: momentOrNull(stateAt),
})

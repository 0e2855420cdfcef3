import type { FastifyInstance } from 'fastify'
import type { ApiTracePage } from '../api.ts'
import { readDomain, readMoment, readQueueId, withoutBrackets } from '../filter.ts'
import type { AdminPorts, TraceQuery } from '../ports.ts'
import { TRACE_QUERY } from '../schema.ts'
import { toApiTracePage } from '../shapes.ts'

interface ApiTraceQuery {
  readonly queueId?: string
  readonly messageId?: string
  readonly from?: string
  readonly to?: string
  readonly client?: string
  readonly domain?: string
  readonly since?: string
  readonly until?: string
  readonly cursor?: string
  readonly limit: number
}

export function addTraceRoute(app: FastifyInstance, { trace }: AdminPorts): void {
  app.get<{ Querystring: ApiTraceQuery }>(
    '/v1/trace',
    { schema: { querystring: TRACE_QUERY } },
    async ({ query }): Promise<ApiTracePage> => toApiTracePage(await trace.trace(readQuery(query))),
  )
}

function readQuery(query: ApiTraceQuery): TraceQuery {
  const { queueId, messageId, from, to, client, domain, since, until, cursor, limit } = query
  return {
    ...(queueId !== undefined && { queueId: readQueueId(queueId) }),
    ...(messageId !== undefined && { messageId }),
    ...(from !== undefined && { from: withoutBrackets(from) }),
    ...(to !== undefined && { to: withoutBrackets(to) }),
    ...(client !== undefined && { client }),
    ...(domain !== undefined && { domain: readDomain(domain) }),
    ...(since !== undefined && { since: readMoment(since) }),
    ...(until !== undefined && { until: readMoment(until) }),
    cursor: cursor ?? null,
    limit,
  }
}

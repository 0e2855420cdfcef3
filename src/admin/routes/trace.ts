import type { FastifyInstance } from 'fastify'
import type { TraceQuery } from '../../ledger/contract.ts'
import type { ApiTracePage } from '../api.ts'
import { tellPage, tellUnrecorded } from '../custody.ts'
import { readDomain, readMoment, readQueueId, withoutBrackets } from '../filter.ts'
import type { AdminPorts } from '../ports.ts'
import { TRACE_QUERY } from '../schema.ts'

/** What can be asked of the record, as it comes over the socket. */
export interface ApiTraceQuery {
  readonly queueId?: string
  readonly messageId?: string
  readonly from?: string
  readonly to?: string
  readonly client?: string
  readonly domain?: string
  readonly since?: string
  readonly until?: string
  readonly state?: string
  readonly cursor?: string
  readonly limit: number
}

export function addTraceRoute(app: FastifyInstance, ports: AdminPorts): void {
  app.get<{ Querystring: ApiTraceQuery }>(
    '/v1/trace',
    { schema: { querystring: TRACE_QUERY } },
    async ({ query: { cursor, limit, ...query } }): Promise<ApiTracePage> => {
      const asked = readQuery(query)
      const page = await tellPage(ports, await ports.trace.trace(asked, { after: cursor ?? null, limit }))
      if (page.messages.length > 0 || asked.queueId === undefined || Object.keys(asked).length > 1) return page
      const waits = await tellUnrecorded(ports, asked.queueId)
      return waits === null ? page : { messages: [waits], next: null }
    },
  )
}

export function readQuery(query: Omit<ApiTraceQuery, 'cursor' | 'limit'>): TraceQuery {
  const { queueId, messageId, from, to, client, domain, since, until, state } = query
  return {
    ...(queueId !== undefined && { queueId: readQueueId(queueId) }),
    ...(messageId !== undefined && { messageId: withBrackets(messageId) }),
    ...(from !== undefined && { sender: withoutBrackets(from) }),
    ...(to !== undefined && { recipient: withoutBrackets(to) }),
    ...(client !== undefined && { client }),
    ...(domain !== undefined && { domain: readDomain(domain) }),
    ...(since !== undefined && { from: readMoment(since) }),
    ...(until !== undefined && { to: readMoment(until) }),
    ...(state !== undefined && { state }),
  }
}

// As in the header; people copy it without them
const withBrackets = (messageId: string): string => (messageId.startsWith('<') ? messageId : `<${messageId}>`)

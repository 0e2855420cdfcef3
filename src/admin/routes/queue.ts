import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Log } from '../../log.ts'
import type { Content } from '../../mail/content.ts'
import type { ApiFilter, ApiMessage, ApiQueuePage } from '../api.ts'
import { noSuchMessage } from '../failure.ts'
import { readFilter, readQueueId } from '../filter.ts'
import type { AdminPorts } from '../ports.ts'
import { CONTENT_QUERY, QUEUE_ID_PARAMS, QUEUE_QUERY } from '../schema.ts'
import { toWaiting, toWaitingPage } from '../waiting.ts'

interface QueueQuery extends ApiFilter {
  readonly cursor?: string
  readonly limit: number
}

interface ContentRequest {
  Params: { id: string }
  Querystring: { by: string; part: 'header' | 'all' }
}

export function addQueueRoutes(app: FastifyInstance, { spool, givesUpAt }: AdminPorts, log: Log): void {
  app.get<{ Querystring: QueueQuery }>(
    '/v1/queue',
    { schema: { querystring: QUEUE_QUERY } },
    async ({ query: { cursor, limit, ...filter } }): Promise<ApiQueuePage> =>
      toWaitingPage(await spool.list(readFilter(filter), { after: cursor ?? null, limit }), givesUpAt),
  )
  app.get<{ Params: { id: string } }>(
    '/v1/queue/:id',
    { schema: { params: QUEUE_ID_PARAMS } },
    async ({ params }): Promise<ApiMessage> => {
      const entry = await spool.show(readQueueId(params.id))
      if (entry === null) throw noSuchMessage(params.id)
      return toWaiting(entry, givesUpAt)
    },
  )
  app.get<ContentRequest>(
    '/v1/queue/:id/content',
    { schema: { params: QUEUE_ID_PARAMS, querystring: CONTENT_QUERY } },
    async ({ params, query: { by, part } }, answer) => {
      const queueId = readQueueId(params.id)
      const content = await spool.content(queueId)
      if (content === null) throw noSuchMessage(params.id)
      // Before the first byte leaves: whoever reads a patient's mail leaves a trace of it
      log.warn({ queueId, by, part }, 'an operator reads a message')
      answer.type('application/octet-stream')
      return Readable.from(part === 'all' ? content.stream() : headerOf(content))
    },
  )
}

const END_OF_HEADER = Buffer.from('\r\n\r\n')

/** The bytes up to the empty line, that line included. */
async function* headerOf(content: Content): AsyncIterable<Buffer> {
  let tail: Buffer = Buffer.alloc(0)
  for await (const chunk of content.stream()) {
    const seen = Buffer.concat([tail, chunk])
    const end = seen.indexOf(END_OF_HEADER)
    if (end >= 0) return yield seen.subarray(tail.length, end + END_OF_HEADER.length)
    yield chunk
    tail = Buffer.from(seen.subarray(-(END_OF_HEADER.length - 1)))
  }
}

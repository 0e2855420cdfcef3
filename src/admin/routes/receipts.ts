import { createPublicKey, type KeyObject } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import { keyIdOf, receiptFile, signReceipt } from '../../mail/receipt-signature.ts'
import { AdminFailure } from '../failure.ts'
import { readQueueId } from '../filter.ts'
import type { AdminPorts } from '../ports.ts'
import { receiptOf } from '../receipts.ts'
import { QUEUE_ID_PARAMS, RECEIPT_QUERY } from '../schema.ts'

interface ReceiptRequest {
  Params: { id: string }
  Querystring: { by: string }
}

export function addReceiptRoutes(app: FastifyInstance, ports: AdminPorts, clock: Clock, log: Log): void {
  app.get('/v1/receipt-key', async () => {
    const key = createPublicKey(privateKey(ports))
    return { keyId: keyIdOf(key), publicKey: key.export({ type: 'spki', format: 'pem' }).toString() }
  })
  app.get<ReceiptRequest>(
    '/v1/receipts/:id',
    { schema: { params: QUEUE_ID_PARAMS, querystring: RECEIPT_QUERY } },
    async ({ params, query: { by } }, answer) => {
      const queueId = readQueueId(params.id)
      const key = privateKey(ports)
      // First the queue: what comes to its end between the two questions is final in the record then
      const waiting = (await ports.spool.show(queueId))?.recipients ?? []
      // Then its place: what the receipt names of the record, it was made with
      const place = (await ports.trace.place?.(queueId)) ?? null
      const { messages } = await ports.trace.trace({ queueId }, { after: null, limit: 1 })
      const [message] = messages
      if (message === undefined) throw unknown(`There is no record of ${queueId}.`)
      const states = new Map(waiting.map(({ index, state }) => [index, state]))
      const made = { relay: ports.status().hostname, at: clock.now(), place }
      const receipt = receiptOf(message, states, made)
      if (receipt === null) throw unknown(`The record of when ${queueId} was received is no longer kept.`)
      log.info({ queueId, by }, 'a receipt was made')
      answer.type('application/json')
      return receiptFile(signReceipt(receipt, key))
    },
  )
}

const unknown = (message: string): AdminFailure => new AdminFailure(404, 'not-found', message)

function privateKey({ receiptKey }: AdminPorts): KeyObject {
  if (receiptKey === undefined) throw new AdminFailure(503, 'no-receipts', 'This relay signs no receipts.')
  try {
    return receiptKey()
  } catch (error) {
    throw new AdminFailure(503, 'no-receipts', error instanceof Error ? error.message : String(error))
  }
}

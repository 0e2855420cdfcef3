import type { FastifyInstance } from 'fastify'
import type { ApiQueueSummary, ApiStatus } from '../api.ts'
import type { AdminPorts } from '../ports.ts'
import { toApiStatus, toApiSummary } from '../shapes.ts'

export function addStatusRoute(app: FastifyInstance, ports: AdminPorts): void {
  app.get('/v1/status', async (): Promise<ApiStatus> => toApiStatus(ports.status(), await queueSummary(ports)))
}

// The status must be told above all when the spool does not answer
async function queueSummary({ spool }: AdminPorts): Promise<ApiQueueSummary | null> {
  try {
    const [summary, damaged] = await Promise.all([spool.summary(), spool.damaged()])
    return toApiSummary(summary, damaged)
  } catch {
    return null
  }
}

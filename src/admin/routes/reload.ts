import type { FastifyInstance } from 'fastify'
import type { ApiReload } from '../api.ts'
import type { AdminPorts } from '../ports.ts'
import { RELOAD_BODY } from '../schema.ts'

export function addReloadRoute(app: FastifyInstance, ports: AdminPorts): void {
  app.post<{ Body: { by: string } }>(
    '/v1/reload',
    { schema: { body: RELOAD_BODY } },
    async ({ body }): Promise<ApiReload> => {
      const { ok, problems } = await ports.reload(body.by)
      return { ok, problems }
    },
  )
}

import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { Hold, OperatorAction, QueueFilter } from '../../spool/contract.ts'
import type { ApiAction, ApiActionResult, ApiCount } from '../api.ts'
import { countQueue } from '../count.ts'
import { badRequest } from '../failure.ts'
import { readFilter, readMoment, selectsAll } from '../filter.ts'
import type { AdminPorts } from '../ports.ts'
import { ACTION_BODY } from '../schema.ts'

// A hold that outlives this was surely a slip of the keyboard
const LONGEST_HOLD_MS = 366 * 86_400_000

export function addActionRoute(app: FastifyInstance, { spool, destination }: AdminPorts, clock: Clock, log: Log): void {
  app.post<{ Body: ApiAction }>(
    '/v1/queue/actions',
    { schema: { body: ACTION_BODY } },
    async ({ body }): Promise<ApiCount | ApiActionResult> => {
      const filter = readFilter(body.filter)
      if (selectsAll(filter) && body.all !== true) {
        throw badRequest('This would touch the whole queue. Give a filter, or say so with "all": true (--all).')
      }
      const action = readAction(body, clock.now(), destination)
      if (body.dryRun === true) return countQueue(spool, touched(action, filter))
      const { changed, busy } = await spool.act(action, filter, body.by)
      log.info({ action: action.do, filter, by: body.by, changed, busy }, 'an operator acted on the queue')
      return { dryRun: false, changed, busy }
    },
  )
}

function readAction(body: ApiAction, now: number, destination: AdminPorts['destination']): OperatorAction {
  if (body.action === 'hold') return { do: 'hold', hold: readHold(body, now) }
  if (body.action === 'reroute') return { do: 'reroute', destination: readDestination(body, destination) }
  return { do: body.action }
}

function readHold({ hold, by }: ApiAction, now: number): Hold {
  if (hold === undefined) throw badRequest('hold needs "hold": a reason, until when, and what happens then.')
  const { reason, afterwards: then } = hold
  const until = readMoment(hold.until)
  if (until <= now) throw badRequest(`The hold would already be over at ${hold.until}.`)
  if (until - now > LONGEST_HOLD_MS) throw badRequest('A hold may last a year at the most.')
  return { reason, owner: `operator:${by}`, until, then }
}

function readDestination({ destination }: ApiAction, canonical: AdminPorts['destination']): string | null {
  if (destination === undefined) throw badRequest('reroute needs "destination": where to, or null for the own one.')
  const found = destination === null ? null : canonical(destination)
  if (destination !== null && found === null) {
    throw badRequest(
      `"${destination}" is no destination. Give a domain (example.org), a host ([mail.example.org]:25), or lmtp:/path.`,
    )
  }
  return found
}

// For the count: release means what is held, retry what waits
function touched(action: OperatorAction, filter: QueueFilter): QueueFilter {
  if (filter.state !== undefined) return filter
  if (action.do === 'release') return { ...filter, state: 'held' }
  return action.do === 'retry' ? { ...filter, state: 'pending' } : filter
}

import type { AdminPorts } from '../admin/ports.ts'
import type { Deliver } from '../deliver/deliver.ts'
import { formatDestination, parseDestination } from '../deliver/destination.ts'
import type { Spool } from '../spool/contract.ts'
import { type ReleasePorts, release } from './release.ts'

/** The spool as operators use it: what they set free goes out at once, not at delivery's next look. */
export function operatorSpool(
  spool: Spool,
  deliver: Pick<Deliver, 'poke' | 'retryNow'>,
  check: Pick<ReleasePorts, 'chain' | 'chance' | 'log'>,
): AdminPorts['spool'] {
  return {
    list: (filter, page) => spool.list(filter, page),
    show: (queueId) => spool.show(queueId),
    content: (queueId) => spool.content(queueId),
    summary: () => spool.summary(),
    damaged: () => spool.damaged(),
    async act(action, filter, by) {
      const isRelease = action.do === 'release'
      const done = await (isRelease ? release({ spool, ...check }, filter, by) : spool.act(action, filter, by))
      if (action.do === 'retry') deliver.retryNow()
      else if (isRelease || action.do === 'reroute') deliver.poke()
      return done
    },
  }
}

/** A destination as an operator typed it, in its one canonical form; null if it is none. */
export function canonicalDestination(text: string): string | null {
  const found = parseDestination(text)
  return found === null ? null : formatDestination(found)
}

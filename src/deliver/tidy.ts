import type { Dispatcher } from './dispatcher.ts'
import type { Hop } from './hop.ts'
import type { Lane } from './lane.ts'

/**
 * Drops lanes and next hops that nobody has used for a while. Failures are remembered longer, but
 * never of more destinations than memory has places for: what is blocked stays blocked in the spool.
 */
export function tidy(dispatcher: Dispatcher, now: number): void {
  const { lanes, hops, options } = dispatcher
  const isOld = oldBy(dispatcher, now)
  const places = options.memory.destinations
  for (const [key, lane] of lanes) {
    if (lane.jobs > 0 || lane.routing || !(isOld(lane) || lanes.size > places)) continue
    lane.hop?.detach(lane)
    dispatcher.forgetLane(key, lane)
  }
  // A next hop that a lane leads to is never dropped, or a second one for the same hosts would be made beside it
  const led = new Set([...lanes.values()].map(({ hop }) => hop))
  for (const [key, hop] of hops) {
    for (const [destination, until] of hop.blocked) {
      if (until + options.lookup.refreshMs <= now) hop.blocked.delete(destination)
    }
    if (led.has(hop) || isBusy(hop) || !(isOld(hop) || hops.size > places)) continue
    hops.delete(key)
  }
}

const isBusy = ({ busy, asking, idle, queued }: Hop): boolean => busy + asking + idle.length + queued > 0

function oldBy({ options: { lookup, backOff } }: Dispatcher, now: number) {
  const longestMs = Math.max(...backOff.waitsMs)
  return ({ until, usedAt, failures }: Lane | Hop): boolean =>
    usedAt + lookup.refreshMs <= now && until + (failures > 0 ? 2 * longestMs : 0) <= now
}

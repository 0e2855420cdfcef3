import type { Random } from '../random.ts'
import type { Recording } from './recorder.ts'
import type { Traced } from './trace.ts'

/** What the daemon was doing when the power failed. */
export type Doing = 'acknowledging' | 'checkpointing' | 'naming' | 'settling' | 'syncing' | 'anything'

export interface Moment {
  /** The first so many events have happened. */
  readonly events: number
  readonly doing: Doing
}

/** Moments to cut the power at, in the order of the trace, equally many of each kind. */
export function pickMoments({ events }: Pick<Recording, 'events'>, count: number, random: Random): Moment[] {
  const kinds = places(events)
  const known = [...kinds.keys()].filter((doing) => (kinds.get(doing)?.length ?? 0) > 0)
  const moments = Array.from({ length: count }, (_, n): Moment => {
    const doing = known[n % known.length] ?? 'anything'
    return { doing, events: random.pick(kinds.get(doing) ?? [0]) + 1 }
  })
  return moments.sort((a, b) => a.events - b.events)
}

/** Moments right after a client was told that its message is safe. */
export function acknowledgements({ events }: Pick<Recording, 'events'>, count: number, random: Random): Moment[] {
  const told = places(events).get('acknowledging') ?? []
  const moments = Array.from(
    { length: count },
    (): Moment => ({ doing: 'acknowledging', events: random.pick(told) + 1 }),
  )
  return moments.sort((a, b) => a.events - b.events)
}

/** Which events are of each kind. */
export function places(events: readonly Traced[]): Map<Doing, number[]> {
  const databases = new Set<number>()
  const kinds = new Map<Doing, number[]>()
  const add = (doing: Doing, n: number) => {
    const list = kinds.get(doing)
    if (list === undefined) kinds.set(doing, [n])
    else list.push(n)
  }
  for (const [n, event] of events.entries()) {
    add('anything', n)
    if (event.kind === 'open' && event.name.endsWith('.db')) databases.add(event.handle)
    if (event.kind === 'queued') add('acknowledging', n)
    if (event.kind === 'taken') add('settling', n)
    if (event.kind === 'sync') add('syncing', n)
    if (event.kind === 'write' && databases.has(event.handle)) add('checkpointing', n)
    if (isNaming(event)) add('naming', n)
  }
  return kinds
}

const isNaming = (event: Traced): boolean =>
  event.kind === 'open' ? event.created : ['folder', 'rename', 'unlink', 'rmdir', 'link'].includes(event.kind)

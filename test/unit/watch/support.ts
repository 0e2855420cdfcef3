import { join } from 'node:path'
import type { Log } from '../../../src/log.ts'
import type { Metrics } from '../../../src/metrics.ts'
import type { OperatorLetter, QueueLook } from '../../../src/watch/contract.ts'
import { openWatch } from '../../../src/watch/open.ts'
import type { WatchOptions } from '../../../src/watch/options.ts'
import { type ManualClock, manualClock } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { defer, type Scope } from '../../support/scope.ts'

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE

export const NOTHING_LATE: QueueLook = {
  pending: null,
  leases: null,
  holds: null,
  expired: null,
  notices: null,
  journal: null,
  damaged: null,
  backlogs: [],
}

const address = (local: string) => ({ local, domain: 'ops.example.test' })

export const OPTIONS: WatchOptions = {
  gatherMs: MINUTE,
  repeatMs: 24 * HOUR,
  mailsPerHour: 6,
  lookMs: MINUTE,
  overdueMs: HOUR,
  surge: { atLeast: 50, withinMs: 10 * MINUTE, factor: 5 },
  hostname: 'relay.example.test',
  from: address('postern'),
  mailTo: [address('operators')],
}

export interface World {
  readonly folder?: string
  readonly clock?: ManualClock
  readonly options?: Partial<WatchOptions>
  /** What each look sees. */
  readonly sees?: () => QueueLook
  readonly send?: (letter: OperatorLetter) => Promise<void>
}

/** The room with a clock that only the test moves; what it says is kept. */
export async function startWatch(scope: Scope, world: World = {}) {
  const { clock = manualClock(), folder = temporaryFolder(scope), sees = () => NOTHING_LATE } = world
  const lines: { readonly fields: object; readonly text: string }[] = []
  const letters: OperatorLetter[] = []
  const gauges = new Map<string, number>()
  const write = (fields: object, text: string) => void lines.push({ fields, text })
  const log: Log = { debug() {}, info() {}, warn: write, error: write }
  const metrics: Metrics = {
    count() {},
    observe() {},
    gauge: (_, value, labels) => void gauges.set(labels?.kind ?? '', value),
  }
  const keep = async (letter: OperatorLetter) => void letters.push(letter)
  const path = join(folder, 'alarms.json')
  const watch = await openWatch(path, { ...OPTIONS, ...world.options }, { log, metrics, clock })
  watch.start({ look: async () => sees(), ask: () => [] }, world.send ?? keep)
  defer(scope, () => watch.close())
  /** Moves the clock in small steps, so that what timers begin has ended before the next. */
  const pass = async (ms: number) => {
    const end = clock.now() + ms
    while (clock.now() < end) {
      clock.goTo(Math.min(end, clock.next() ?? end))
      await settled()
    }
  }
  return { watch, clock, folder, path, lines, letters, gauges, pass }
}

/** Lets promises that are ready run on. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

import type { Random } from '../random.ts'

const MOMENTS = ['commit.before', 'commit.after', 'reply.before'] as const

const around = (operation: string): string[] => [operation, ...MOMENTS.map((moment) => `${operation}>${moment}`)]

/** Every operation by which the spool changes. Only `setAside` is missing, which needs a damaged file: `prove disk`. */
const OFTEN = ['put', 'lease', 'settle'] as const
const AT_TIMES = ['tick', 'act', 'renew', 'block', 'unblock', 'clockWentBack'] as const
/** Of the sweeper, which looks for what has grown old. */
const BY_AGE = ['expired', 'undelayed', 'overdue'] as const
const RECORD = ['ledger.commit.before', 'ledger.commit.after'] as const

/** A row of the table: the points within an operation, before and after the commit that holds it, before its answer. */
interface Group {
  readonly name: string
  readonly points: readonly (string | null)[]
}

export const GROUPS: readonly Group[] = [
  ...[...OFTEN, ...AT_TIMES, ...BY_AGE].map((name) => ({ name, points: around(name) })),
  { name: 'whatever the spool commits', points: [null, ...MOMENTS] },
  { name: 'entries of the ledger', points: [null, ...RECORD, null] },
  { name: 'upkeep of the ledger', points: ['record.tick', ...MOMENTS.map((moment) => `record.tick>record.${moment}`)] },
]

export const POINTS: readonly string[] = GROUPS.flatMap(({ points }) => points.filter((point) => point !== null))

/** Those that a queue of old messages reaches, into which nothing new comes. */
const POINTS_OF_AGE: readonly string[] = [
  ...BY_AGE.flatMap(around),
  ...around('settle'),
  ...around('act'),
  ...MOMENTS,
  ...RECORD,
]

/** What a life of a few seconds reaches once, if that. */
const RARE: readonly string[] = ['renew', 'block', 'unblock', 'clockWentBack'].flatMap(around)
const FREQUENT: readonly string[] = [...OFTEN.flatMap(around), ...MOMENTS, ...RECORD]

function mostTimes(point: string, age: 'any' | 'old'): number {
  if (RARE.includes(point)) return 1
  if (age === 'old') return 4
  return FREQUENT.includes(point) ? 25 : 3
}

/** Which named points were reached, and which shall be next. */
export class Coverage {
  readonly reached = new Map<string, number>()
  readonly #tried = new Map<string, number>()

  /** One of those that were tried least: `POINT:NTH`. */
  next(random: Random, age: 'any' | 'old'): { readonly point: string; readonly nth: number } {
    const among = age === 'old' ? POINTS_OF_AGE : POINTS
    const tries = (point: string) => this.#tried.get(point) ?? 0
    const least = Math.min(...among.map(tries))
    const point = random.pick(among.filter((each) => tries(each) === least))
    this.#tried.set(point, least + 1)
    return { point, nth: 1 + random.below(mostTimes(point, age)) }
  }

  wasReached(point: string): void {
    this.reached.set(point, (this.reached.get(point) ?? 0) + 1)
  }

  get total(): number {
    return [...this.reached.values()].reduce((sum, n) => sum + n, 0)
  }

  get never(): readonly string[] {
    return POINTS.filter((point) => !this.reached.has(point))
  }
}

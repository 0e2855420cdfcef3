import { closeSync, openSync, readdirSync, readSync, statSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../random.ts'
import { toTheEnd } from '../scope.ts'
import { copy, type Filled, type Judged, judge } from './spool-kit.ts'

export interface Harm {
  readonly file: string
  readonly at: number
  readonly what: string
}

export type Kind = 'database' | 'log' | 'content'

/** What came of harms of one kind. */
export interface FlipResult {
  readonly kind: Kind
  readonly harms: number
  readonly fine: number
  readonly aside: number
  readonly repaired: number
  readonly lost: number
  /** Cannot be had back, because the file was cut: told as such, but not by name. */
  readonly gone: number
  readonly wrong: number
  /** What is needed to see again what was broken. */
  readonly findings: readonly string[]
}

/** Harms copies of a spool, each in one place, and looks at what comes of it. */
export async function flip(
  filled: Filled,
  scratch: string,
  kind: Kind,
  count: number,
  random: Random,
  isOver = toTheEnd,
): Promise<FlipResult> {
  const total = { kind, harms: 0, fine: 0, aside: 0, repaired: 0, lost: 0, gone: 0, wrong: 0 }
  const findings: string[] = []
  for (; total.harms < count && !isOver(); total.harms++) {
    copy(filled.folder, scratch)
    const done = harm(scratch, kind, random)
    const judged = await judge(scratch, filled).catch((error: Error) => error)
    if (judged instanceof Error) {
      total.lost += filled.messages.size
      findings.push(`${describe(done)}: ${judged.message}`)
      continue
    }
    add(total, judged)
    if (judged.lost.length + judged.wrong.length > 0)
      findings.push(`${describe(done)}: ${judged.lost.length} lost, ${judged.wrong.length} wrong`)
  }
  return { ...total, findings }
}

function add(
  total: { fine: number; aside: number; repaired: number; lost: number; gone: number; wrong: number },
  judged: Judged,
): void {
  total[judged.how]++
  total.lost += judged.lost.length
  total.gone += judged.gone
  total.wrong += judged.wrong.length
}

export const describe = ({ file, at, what }: Harm): string => `${what} at ${at} of ${file}`

const harm = (folder: string, kind: Kind, random: Random): Harm =>
  alter(folder, fileOf(folder, kind, random), random, kind !== 'log')

/** Alters a file in one place, or cuts it there where that is asked for. */
export function alter(folder: string, file: string, random: Random, mayCut = false): Harm {
  const path = join(folder, file)
  const size = statSync(path).size
  // Heads matter more than their size says
  const at = random.chance(0.15) ? random.below(Math.min(200, size)) : random.below(size)
  if (mayCut && random.chance(0.1)) {
    truncateSync(path, at)
    return { file, at, what: 'cut' }
  }
  const length = random.chance(0.7) ? 1 : 1 + random.below(16)
  const handle = openSync(path, 'r+')
  try {
    const bytes = Buffer.alloc(length)
    const read = readSync(handle, bytes, 0, length, at)
    for (let i = 0; i < read; i++)
      bytes[i] = (bytes[i] ?? 0) ^ (length === 1 ? 1 << random.below(8) : 1 + random.below(255))
    writeSync(handle, bytes, 0, read, at)
  } finally {
    closeSync(handle)
  }
  return { file, at, what: `${length} bytes altered` }
}

function fileOf(folder: string, kind: Kind, random: Random): string {
  if (kind === 'database') return 'spool.db'
  if (kind === 'log') return 'spool.db-wal'
  const files = readdirSync(join(folder, 'content'), { recursive: true, encoding: 'utf8' })
  return join('content', random.pick(files.filter((name) => statSync(join(folder, 'content', name)).isFile())))
}

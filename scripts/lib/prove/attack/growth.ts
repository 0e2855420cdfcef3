import type { Random } from '../random.ts'
import { effortOf } from './effort.ts'
import type { Parser } from './parser-list.ts'

const LENGTHS = [2000, 8000, 32_000, 128_000]
/** What the budgets of attachments let through takes some milliseconds more. */
const SUSPECT_MS = 150

/** A failure that is a fault of ours: those that parsers promise have types or words of their own. */
export function failure(parser: Parser, text: string): string | null {
  try {
    parser.read(text)
    return null
  } catch (error) {
    const isFault = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError
    return isFault ? `${error.name}: ${error.message}\n${error.stack?.split('\n')[1]}` : null
  }
}

type Shape = (length: number) => string

/** Texts in which a piece of a sound one stands again and again. */
export function slowTexts(parser: Parser, random: Random): readonly string[] {
  let shapes = Array.from({ length: SHAPES }, () =>
    (random.chance(0.7) ? repeated : nested)(random.pick(parser.seeds), random),
  )
  for (const length of LENGTHS) {
    const ranked = shapes.map((shape) => ({ shape, ms: least(parser, shape(length)) })).sort((a, b) => b.ms - a.ms)
    const slow = ranked.filter(({ shape, ms }) => ms > SUSPECT_MS && isSteep(parser, shape, length))
    if (slow[0])
      return [`${Math.round(slow[0].ms)} ms for ${length} of ${JSON.stringify(slow[0].shape(60)).slice(0, 300)}`]
    shapes = ranked.slice(0, 6).map(({ shape }) => shape)
  }
  return []
}

const SHAPES = 200

/** A piece of a sound text again and again, where it stood. */
function repeated(seed: string, random: Random): Shape {
  const at = random.below(seed.length)
  const pump = pieceOf(seed, at, random)
  const rest = random.chance(0.5) ? seed.slice(at) : ''
  return (size) => seed.slice(0, at) + pump.repeat(Math.ceil(size / pump.length)) + rest
}

/** One piece again and again, and then another as often: what opens, and what closes. */
function nested(seed: string, random: Random): Shape {
  const at = random.below(seed.length)
  const [open, close] = [pieceOf(seed, at, random), pieceOf(seed, random.below(seed.length), random)]
  return (size) => {
    const times = Math.ceil(size / (open.length + close.length))
    return seed.slice(0, at) + open.repeat(times) + close.repeat(times)
  }
}

const pieceOf = (seed: string, at: number, random: Random): string =>
  seed.slice(at, at + 1 + random.below(random.chance(0.5) ? 3 : 40))

/** Measured anew: the first goes of a parser are slow, and other processes only ever add. */
function isSteep(parser: Parser, shape: Shape, length: number): boolean {
  const whole = Math.min(...[1, 2, 3].map(() => least(parser, shape(length))))
  return whole > SUSPECT_MS && whole > 3 * Math.min(...[1, 2, 3].map(() => least(parser, shape(length / 2))))
}

function least(parser: Parser, text: string): number {
  let best = Number.POSITIVE_INFINITY
  for (let go = 0; go < 3 && (go === 0 || best > SUSPECT_MS / 2); go++) {
    best = Math.min(
      best,
      effortOf(() => failure(parser, text)),
    )
  }
  return best
}

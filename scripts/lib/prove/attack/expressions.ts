import { globSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { setImmediate as turn } from 'node:timers/promises'
import type { Proof, Prover } from '../part.ts'
import { effortOf } from './effort.ts'
import { type Literal, literalsIn } from './literals.ts'

/** Lengths of hostile texts: what takes exponential time is seen before it hangs. */
/** What grows with its text takes twice as long for twice of it. */
const STEEP = 2.8
const LENGTHS = [24, 96, 400, 1600, 6400, 12_800]
const SUSPECT_MS = 8
/** Of the slowest so far, the longer ones are made. */
const MOST_SHAPES = 16
const RANKED_FROM = 400
/** What takes longer is not repeated. */
const LONG_MS = 50
const MOST_CHARACTERS = 12
/** Their texts are bounded where they are used, which is why they may take the square of their length. */
const BOUNDED: ReadonlyMap<string, string> = new Map([
  ['src/inspect/plugins/impersonation/author.ts', 'an address of at most 320 characters'],
])

interface Found {
  readonly where: string
  readonly source: string
  readonly milliseconds: number
  readonly length: number
  readonly text: string
}

/** Every regular expression of the source, over texts that are made to be hard for it. */
export async function proveExpressions(prover: Prover): Promise<Proof> {
  const control = slowest({ source: '^(a+)+$', flags: '', line: 0 }) ?? slowest({ source: ',+$', flags: '', line: 0 })
  const found: Found[] = []
  let count = 0
  for (const file of globSync('src/**/*.ts').sort()) {
    // A signal is heard only between two files
    await turn()
    if (prover.isOver()) break
    for (const literal of literalsIn(stripTypeScriptTypes(readFileSync(file, 'utf8')))) {
      count++
      const slow = BOUNDED.has(file) ? null : slowest(literal)
      if (slow !== null) found.push({ where: `${file}:${literal.line}`, source: literal.source, ...slow })
    }
  }
  prover.say(`${count} regular expressions`)
  return {
    tables: [
      {
        title: 'Regular expressions over hostile texts',
        columns: ['expressions', 'longest text', 'slower than their text grows'],
        rows: [[count, LENGTHS.at(-1) ?? 0, found.length]],
      },
    ],
    promises: [
      {
        text: 'No regular expression takes longer than its text grows.',
        kept: found.length === 0 && (count > 300 || prover.isOver()) && control !== null,
        detail: found.map((each) => `${each.where} /${each.source}/ ${JSON.stringify(each)}`).join('; ') || 'none does',
      },
    ],
  }
}

/** The hostile text that it is slowest over; null where time grows with the length. */
export function slowest(literal: Literal): Pick<Found, 'milliseconds' | 'length' | 'text'> | null {
  const expression = new RegExp(literal.source, literal.flags)
  let shapes = shapesFor(literal.source)
  for (const length of LENGTHS) {
    const ranked = shapes
      .map((shape) => ({ shape, milliseconds: least(expression, shape(length)) }))
      .sort((a, b) => b.milliseconds - a.milliseconds)
    for (const { shape, milliseconds } of ranked) {
      if (milliseconds < SUSPECT_MS) break
      // Linear ones need well under a millisecond for such a length, even on a busy machine
      if (isSteep(expression, shape, length, milliseconds))
        return { milliseconds: Math.round(milliseconds), length, text: shape(6) }
    }
    // Shorter ones tell nothing of their order
    if (length >= RANKED_FROM) shapes = ranked.slice(0, MOST_SHAPES).map(({ shape }) => shape)
  }
  return null
}

/** What seems so is measured anew: on a busy machine an expression that only has much to do, in step with its text, looks steep for once. */
function isSteep(expression: RegExp, shape: Shape, length: number, milliseconds: number): boolean {
  const half = shape(Math.ceil(length / 2))
  if (milliseconds <= STEEP * least(expression, half)) return false
  const again = (text: string) => Math.min(...[1, 2, 3].map(() => least(expression, text)))
  const whole = again(shape(length))
  return whole >= SUSPECT_MS && whole > STEEP * again(half)
}

/** Of several goes, as other processes only ever add. */
function least(expression: RegExp, text: string): number {
  let best = Number.POSITIVE_INFINITY
  for (let go = 0; go < 3 && (go === 0 || best < LONG_MS); go++) {
    expression.lastIndex = 0
    const effort = effortOf(() => (expression.global ? text.replace(expression, '') : expression.test(text)))
    best = Math.min(best, effort)
  }
  return best
}

type Shape = (length: number) => string

function shapesFor(source: string): readonly Shape[] {
  const characters = charactersOf(source)
  const start = /^\^?((?:[A-Za-z0-9 -]|\\[^A-Za-z0-9])+)/.exec(source)?.[1]?.replaceAll('\\', '') ?? ''
  const pumps = [...characters, ...characters.flatMap((a) => characters.map((b) => a + b))]
  if (start !== '') pumps.push(start, ...characters.map((character) => start + character))
  return pumps.flatMap((pump) =>
    ['', characters[0] ?? '', start].flatMap((prefix) =>
      ['\0', ''].map((suffix) => (length: number) => prefix + pump.repeat(Math.ceil(length / pump.length)) + suffix),
    ),
  )
}

const CLASSES: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\\s/, [' ', '\n']],
  [/\\d/, ['1']],
  [/\\[wpP]/, ['a']],
  [/\\r/, ['\r']],
  [/\\n/, ['\n']],
  [/\\t/, ['\t']],
  [/\\[SWD]|\[\^|\./, ['a', '!', ' ']],
]

/** One of each kind that the expression tells apart. */
function charactersOf(source: string): readonly string[] {
  const found = CLASSES.flatMap(([sign, characters]) => (sign.test(source) ? characters : []))
  const coded = [...source.matchAll(/\\(?:x|u\{?)([0-9a-f]{2,4})/gi)].map(([, hex]) =>
    String.fromCharCode(Number.parseInt(hex ?? '', 16)),
  )
  const plain = source.replace(/\\[a-zA-Z]/g, '').replace(/[()|*+?{}\\^$]/g, '')
  return [...new Set([...found, ...coded, ...plain])].slice(0, MOST_CHARACTERS)
}

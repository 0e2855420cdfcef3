import { setImmediate as turn } from 'node:timers/promises'
import { keptSeeds, type Seed } from '../../../../test/support/seeds.ts'
import type { Proof, Prover } from '../part.ts'
import { type Random, randomOf } from '../random.ts'
import { altered } from './altered.ts'
import { failure, slowTexts } from './growth.ts'
import { PARSERS, type Parser } from './parser-list.ts'

interface Seen {
  readonly fuzzed: number
  readonly thrown: readonly string[]
  readonly slow: readonly string[]
}

export async function proveParsers(prover: Prover): Promise<Proof> {
  const random = randomOf(prover.seed)
  const amount = prover.amount('mutations')
  const rows: (string | number)[][] = []
  const bad: string[] = []
  const kept = keptSeeds()
  for (const one of PARSERS) {
    if (prover.isOver()) break
    const parser = { ...one, seeds: [...one.seeds, ...shortSeeds(kept, one)] }
    const { thrown, slow, fuzzed } = await look(parser, random, amount, prover.isOver)
    rows.push([parser.name, fuzzed, thrown.length, slow.length])
    bad.push(...[...new Set(thrown), ...slow].slice(0, 3).map((what) => `${parser.name}: ${what}`))
  }
  return {
    tables: [{ title: 'Parsers over altered and repeated texts', columns: ['parser', 'texts', 'threw', 'slow'], rows }],
    promises: [
      {
        text: 'No parser fails in a way that it does not promise, or takes longer than its text grows.',
        kept: bad.length === 0,
        detail: bad.join('; ') || 'none does',
      },
    ],
  }
}

/** What found something once may find more nearby; long ones are run as they are, by the tests. */
const shortSeeds = (kept: readonly Seed[], parser: Parser): string[] =>
  kept.filter((seed) => seed.parser === slugOf(parser) && seed.text.length < 2000).map(({ text }) => text)

/** The folder of its seeds in test/support/seeds. */
export const slugOf = ({ name }: Parser): string => name.replaceAll(' ', '-').toLowerCase()

/** A signal is heard only where it pauses. */
const PAUSE_EVERY = 100

async function look(parser: Parser, random: Random, amount: number, isOver: () => boolean): Promise<Seen> {
  const thrown: string[] = []
  let fuzzed = 0
  for (; fuzzed < amount && !isOver(); fuzzed++) {
    if (fuzzed % PAUSE_EVERY === 0) await turn()
    const text = altered(random.pick(parser.seeds), random)
    const what = failure(parser, text)
    if (what !== null) thrown.push(`${what} for ${JSON.stringify(text).slice(0, 300)}`)
  }
  return { fuzzed, thrown, slow: parser.own || isOver() ? [] : slowTexts(parser, random) }
}

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
    const parser = { ...one, seeds: [...one.seeds, ...shortSeeds(kept, one)] }
    const { thrown, slow, fuzzed } = look(parser, random, amount)
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

function look(parser: Parser, random: Random, amount: number): Seen {
  const thrown: string[] = []
  for (let n = 0; n < amount; n++) {
    const text = altered(random.pick(parser.seeds), random)
    const what = failure(parser, text)
    if (what !== null) thrown.push(`${what} for ${JSON.stringify(text).slice(0, 300)}`)
  }
  return { fuzzed: amount, thrown, slow: parser.own ? [] : slowTexts(parser, random) }
}

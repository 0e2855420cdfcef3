import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { chartsOf } from './charts.ts'
import { describeMachine } from './machine.ts'
import type { Comparison } from './result.ts'
import { figures, tables } from './tables.ts'

/** From the top of the checkout, as the README links it. */
const PUBLISHED = 'scripts/bench.d/published'
/** What only shows that the benchmark runs is not published. */
const QUICK_PLACE = join(tmpdir(), 'postern-bench-quick')

/** Writes results, tables, charts and what the README takes over into scripts/bench.d/published. Gives the folder. */
export function publish(comparison: Comparison): string {
  const place = comparison.quick ? QUICK_PLACE : resolve(PUBLISHED)
  mkdirSync(place, { recursive: true })
  const write = (name: string, text: string) => writeFileSync(join(place, name), text)
  write('compare.json', `${JSON.stringify(comparison, null, 2)}\n`)
  write('compare.md', tables(comparison))
  write('README-figures.md', readmeFigures(comparison))
  for (const { name, draw } of chartsOf(comparison)) {
    write(`${name}.svg`, draw('light'))
    write(`${name}-dark.svg`, draw('dark'))
  }
  return place
}

/** What the README at the top takes over as it stands: charts, tables, machine, and how to make it again. */
export function readmeFigures(comparison: Comparison): string {
  const { rounds } = comparison
  const again = `scripts/bench compare --publish --rounds ${rounds}`
  const how = rounds === 1 ? 'one round' : `medians of ${rounds} rounds (least to most), all servers in turn`
  const parts = [
    ...(comparison.quick ? ['**QUICK: shows that the benchmark runs, measures nothing.**'] : []),
    `${describeMachine(comparison.machine)}; ${how}; a run that lost a message gives no figure. Make it again with \`${again}\`.`,
    ...chartsOf(comparison).map(({ name, title }) => picture(name, title)),
    ...figures(comparison),
  ]
  return `${parts.filter(Boolean).join('\n\n')}\n`
}

/** An image for pages of either kind. */
const picture = (name: string, title: string): string => `<picture>
<source media="(prefers-color-scheme: dark)" srcset="${PUBLISHED}/${name}-dark.svg">
<img alt="${title}" src="${PUBLISHED}/${name}.svg">
</picture>`

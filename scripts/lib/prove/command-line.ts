import { parseArgs } from 'node:util'
import type { Amounts } from './part.ts'

export interface CommandLine {
  readonly parts: readonly string[]
  readonly list: boolean
  readonly short: boolean
  readonly out: string | null
  readonly seed: number | null
  /** The longest that a part goes on, before it gives the account of what it did by then; null: to its end. */
  readonly minutes: number | null
  /** What `--NUMBER VALUE` said. */
  readonly amounts: ReadonlyMap<string, number>
}

/** Reads the arguments; `known` are the amounts of all parts. Throws for anything else. */
export function readCommandLine(args: readonly string[], known: readonly string[]): CommandLine {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      list: { type: 'boolean' },
      short: { type: 'boolean' },
      out: { type: 'string' },
      seed: { type: 'string' },
      minutes: { type: 'string' },
      ...Object.fromEntries(known.map((name) => [name, { type: 'string' as const }])),
    },
  })
  const given: Readonly<Record<string, unknown>> = values
  return {
    parts: positionals,
    list: values.list ?? false,
    short: values.short ?? false,
    out: values.out ?? null,
    seed: values.seed === undefined ? null : whole('seed', values.seed),
    minutes: values.minutes === undefined ? null : whole('minutes', values.minutes),
    amounts: new Map(
      known.flatMap((name) => (given[name] === undefined ? [] : [[name, whole(name, String(given[name]))] as const])),
    ),
  }
}

function whole(name: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`--${name} takes a whole number, not ${text}`)
  return Number(text)
}

/** The amounts in words, one a line. */
export const explainAmounts = (amounts: Amounts): string[] =>
  Object.entries(amounts).map(([name, { long, short, help }]) => `  --${name} ${long} (short: ${short})  ${help}`)

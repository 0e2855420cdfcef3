import { globSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Bench, Missing, type Options, type Part, type Row, reaches } from './part.ts'
import { table } from './table.ts'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...{ json: { type: 'boolean' }, quick: { type: 'boolean' }, list: { type: 'boolean' } },
    ...{ rounds: { type: 'string' }, minutes: { type: 'string' }, publish: { type: 'boolean' } },
    resume: { type: 'boolean' },
    ...{ mta: { type: 'string', multiple: true }, load: { type: 'string', multiple: true } },
  },
})

/** What came of one part. */
interface Result {
  readonly part: string
  readonly rows: readonly (Row & { readonly reached: boolean | null })[]
  /** Why it could not run here, or null. */
  readonly missing: string | null
  /** What went wrong, or null. */
  readonly failed: string | null
}

const PUBLISHED = resolve('scripts/bench.d/published')

/** Parts that take long, or are for a machine made ready: run only when they are named. */
const ONLY_BY_NAME = ['compare', 'full-chain', 'soak']

const say = (text: string) => void (options.json ? process.stderr : process.stdout).write(`${text}\n`)

async function main(): Promise<number> {
  const known = globSync('scripts/bench.d/*.ts')
    .map((file) => basename(file, '.ts'))
    .sort()
  if (options.list) return print(known.join('\n'))
  const wanted = positionals.length > 0 ? positionals : known.filter((name) => !ONLY_BY_NAME.includes(name))
  const unknown = wanted.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(', ')}; there are ${known.join(', ')}`)
  const results: Result[] = []
  for (const part of wanted) results.push(await runPart(part))
  if (options.publish && !options.quick) for (const result of results) keep(result)
  if (options.json) print(JSON.stringify({ quick: options.quick ?? false, results }, null, 2))
  const good = results.every(({ rows, failed }) => failed === null && rows.every(({ reached }) => reached !== false))
  return good ? 0 : 1
}

/** Figures of a part, as the README quotes them. */
function keep(result: Result): void {
  mkdirSync(PUBLISHED, { recursive: true })
  writeFileSync(join(PUBLISHED, `${result.part}-figures.json`), `${JSON.stringify(result, null, 2)}\n`)
}

async function runPart(part: string): Promise<Result> {
  say(`\n== ${part}`)
  const { bench } = (await import(resolve(`scripts/bench.d/${part}.ts`))) as { bench: Part }
  const undos: (() => unknown)[] = []
  const context: Bench = {
    quick: options.quick ?? false,
    options: partOptions(),
    say,
    after: (undo: unknown) => void undos.push(undo as () => unknown),
  }
  try {
    const rows = (await bench(context)).map((row) => ({ ...row, reached: reaches(row) }))
    say(table(rows))
    return { part, rows, missing: null, failed: null }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    const missing = error instanceof Missing
    say(`${missing ? 'cannot run here' : 'FAILED'}: ${text}`)
    return { part, rows: [], missing: missing ? text : null, failed: missing ? null : text }
  } finally {
    for (const undo of undos) await undo()
  }
}

function partOptions(): Options {
  const { rounds, minutes, mta, load, publish, resume } = options
  return {
    ...(rounds && { rounds: Number(rounds) }),
    ...(minutes && { minutes: Number(minutes) }),
    ...(mta && { mta: mta.map((name) => name.toLowerCase()) }),
    ...(load && { load }),
    ...(publish && { publish }),
    ...(resume && { resume }),
  }
}

function print(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

process.exitCode = await main()

import { globSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Bench, Missing, type Part, type Row, reaches } from './part.ts'
import { table } from './table.ts'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, list: { type: 'boolean' } },
})

/** What came of one part. */
interface Result {
  readonly part: string
  readonly rows: readonly (Row & { readonly reached: boolean | null })[]
  /** Why it could not run, or null. */
  readonly missing: string | null
}

const say = (text: string) => void (options.json ? process.stderr : process.stdout).write(`${text}\n`)

async function main(): Promise<number> {
  const known = globSync('scripts/bench.d/*.ts')
    .map((file) => basename(file, '.ts'))
    .sort()
  if (options.list) return print(known.join('\n'))
  const wanted = positionals.length > 0 ? positionals : known
  const unknown = wanted.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(', ')}; there are ${known.join(', ')}`)
  const results: Result[] = []
  for (const part of wanted) results.push(await runPart(part))
  if (options.json) print(JSON.stringify({ quick: options.quick ?? false, results }, null, 2))
  return results.every(({ rows }) => rows.every(({ reached }) => reached !== false)) ? 0 : 1
}

async function runPart(part: string): Promise<Result> {
  say(`\n== ${part}`)
  const { bench } = (await import(resolve(`scripts/bench.d/${part}.ts`))) as { bench: Part }
  const undos: (() => unknown)[] = []
  const context: Bench = {
    quick: options.quick ?? false,
    say,
    after: (undo: unknown) => void undos.push(undo as () => unknown),
  }
  try {
    const rows = (await bench(context)).map((row) => ({ ...row, reached: reaches(row) }))
    say(table(rows))
    return { part, rows, missing: null }
  } catch (error) {
    if (!(error instanceof Missing)) throw error
    say(`cannot run here: ${error.message}`)
    return { part, rows: [], missing: error.message }
  } finally {
    for (const undo of undos) await undo()
  }
}

function print(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

process.exitCode = await main()

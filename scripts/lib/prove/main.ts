import { randomInt } from 'node:crypto'
import { globSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { type CommandLine, explainAmounts, readCommandLine } from './command-line.ts'
import { Ending } from './ending.ts'
import { type Amounts, Missing, type Part, type Proof, type Prover } from './part.ts'
import { asText, CUT_SHORT, isGood, machine, type Result, write } from './report.ts'

interface PartFile {
  readonly name: string
  readonly prove: Part
  readonly amounts: Amounts
}

/** As shells say it of what SIGINT ended. */
const INTERRUPTED = 130

const say = (text: string) => void process.stdout.write(`${text}\n`)

async function main(args: readonly string[]): Promise<number> {
  const parts = await Promise.all(filesFor(args).map(load))
  const line = readCommandLine(args, [...new Set(parts.flatMap(({ amounts }) => Object.keys(amounts)))])
  if (line.list) {
    for (const { name, amounts } of parts) say([name, ...explainAmounts(amounts)].join('\n'))
    return 0
  }
  const seed = line.seed ?? randomInt(2 ** 31)
  const results: Result[] = []
  for (const part of wanted(parts, line.parts)) {
    const result = await run(part, line, seed)
    results.push(result)
    if (result.cut === 'interrupted') break
  }
  const mayMiss = !process.env.CI
  say(`\n${results.map((result) => `${verdict(result, mayMiss)}  ${result.part}`).join('\n')}`)
  if (!results.every((result) => isGood(result, mayMiss))) return 1
  return results.at(-1)?.cut === 'interrupted' ? INTERRUPTED : 0
}

/** Of the parts that the arguments name, or all: a part that somebody is building must not stop another. */
function filesFor(args: readonly string[]): readonly string[] {
  const files = globSync('scripts/prove.d/*.ts').sort()
  const named = files.filter((file) => args.includes(basename(file, '.ts')))
  return named.length > 0 ? named : files
}

async function load(file: string): Promise<PartFile> {
  const { prove, amounts = {} } = (await import(resolve(file))) as { prove: Part; amounts?: Amounts }
  return { name: basename(file, '.ts'), prove, amounts }
}

function wanted(parts: readonly PartFile[], names: readonly string[]): readonly PartFile[] {
  if (names.length === 0) return parts
  return names.map((name) => {
    const found = parts.find((part) => part.name === name)
    if (found === undefined) throw new Error(`no such part: ${name}; there are ${parts.map((p) => p.name).join(', ')}`)
    return found
  })
}

async function run(part: PartFile, line: CommandLine, seed: number): Promise<Result> {
  say(`\n== ${part.name} (seed ${seed})`)
  const started = performance.now()
  const at = new Date().toISOString()
  const outcome = await attempt(part, line, seed)
  const result: Result = {
    part: part.name,
    at,
    command: ['scripts/prove', ...process.argv.slice(2)].join(' '),
    seed,
    seconds: Math.round((performance.now() - started) / 1000),
    machine: machine(),
    ...outcome,
  }
  if (result.proof !== null) say(`\n${asText(result.proof)}`)
  say(`${part.name} took ${result.seconds} s${result.cut === null ? '' : `, ${CUT_SHORT[result.cut]}`}`)
  if (line.out !== null) write(line.out, result)
  return result
}

async function attempt(
  part: PartFile,
  { short, amounts, minutes }: CommandLine,
  seed: number,
): Promise<Pick<Result, 'proof' | 'missing' | 'failed' | 'cut'>> {
  const undos: (() => unknown)[] = []
  const ending = new Ending(minutes, say)
  const prover: Prover = {
    short,
    seed,
    say,
    isOver: () => ending.cut !== null,
    after: (undo: unknown) => void undos.push(undo as () => unknown),
    amount(name) {
      const declared = part.amounts[name]
      if (declared === undefined) throw new Error(`${part.name} declares no amount ${name}`)
      return amounts.get(name) ?? (short ? declared.short : declared.long)
    },
  }
  try {
    const proof: Proof = await part.prove(prover)
    return { proof, missing: null, failed: null, cut: ending.cut }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    const missing = error instanceof Missing
    say(missing ? `cannot run here: ${text}` : `FAILED: ${error instanceof Error ? error.stack : text}`)
    return { proof: null, missing: missing ? text : null, failed: missing ? null : text, cut: ending.cut }
  } finally {
    for (const undo of undos) await undo()
    ending.stop()
  }
}

function verdict(result: Result, mayMiss: boolean): string {
  if (result.missing !== null) return mayMiss ? 'skipped' : 'MISSING'
  if (!isGood(result, mayMiss)) return 'BROKEN '
  return result.cut === null ? 'proven ' : 'so far '
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`prove: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}

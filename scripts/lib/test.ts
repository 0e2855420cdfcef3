import { spawnSync } from 'node:child_process'
import { existsSync, globSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Runs the parts named on the command line (all when none is), and prints the line that counts. */

const PARTS = ['unit', 'scenario', 'conformance', 'fault', 'peers'] as const
const REPORTER = fileURLToPath(new URL('reporter.ts', import.meta.url))
// A test that hangs must not take the run with it
const TEST_TIMEOUT_MS = 240_000

const print = (text: string) => process.stdout.write(`${text}\n`)

function main(names: readonly string[]): number {
  const all = names.length === 0
  const files = all ? PARTS.flatMap(filesOf) : names.filter((name) => name !== 'check').flatMap(filesOf)
  if ((all || names.includes('check')) && !checks()) return closing(0, 1)
  if (files.length > 0) return tests(files)
  return all ? nothingRan() : closing(1, 0)
}

function filesOf(name: string): string[] {
  if (PARTS.some((part) => part === name)) return globSync(`test/${name}/**/*.test.ts`).sort()
  if (!existsSync(name)) throw new Error(`no such part or file: ${name}; parts are check, ${PARTS.join(', ')}`)
  return statSync(name).isDirectory() ? globSync(`${name}/**/*.test.ts`).sort() : [name]
}

/** Formatter, linter and types. */
function checks(): boolean {
  return (
    check('format and lint', 'biome', ['ci', '--colors=off', '--error-on-warnings', '.']) &&
    check('types', 'tsc', ['--pretty', 'false', '-p', 'tsconfig.json'])
  )
}

function check(what: string, command: string, args: string[]): boolean {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26 })
  const good = status === 0
  print(`${good ? 'ok  ' : 'FAIL'}  ${what}`)
  if (!good) print(`${stdout}${stderr}`)
  return good
}

function tests(files: readonly string[]): number {
  const { status } = spawnSync(process.execPath, [...options(), ...files], { stdio: 'inherit' })
  return status ?? 1
}

function options(): string[] {
  return ['--test', '--test-concurrency=2', `--test-timeout=${TEST_TIMEOUT_MS}`, `--test-reporter=${REPORTER}`]
}

function nothingRan(): number {
  print('no test was found')
  return closing(0, 1)
}

function closing(passed: number, failed: number): number {
  print(`${passed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

try {
  process.exitCode = main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`test: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}

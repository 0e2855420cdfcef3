import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import { type Config, completed } from './config.ts'
import { fileContext } from './context.ts'
import { crossChecks, type Finder } from './cross-checks.ts'
import { readSource, type Source } from './document.ts'
import { problemsOf } from './issues.ts'
import type { Problem } from './problem.ts'
import { schema } from './schema/schema.ts'
import { readSecureDomains } from './secure-domains/load.ts'

export interface LoadOptions {
  /** Where data lies, in place of the file's `state.dir`. Relative to the current folder. */
  readonly stateDir?: string
  /** Where `passwordEnv` looks. Default: nothing is set. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** What a register of secure domains that is not there yet is: a problem (default), or empty, for whoever is about to make it. */
  readonly missingRegister?: 'problem' | 'empty'
}

export type Loaded =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/**
 * Reads a configuration file and everything in it that must be known to start: recipient lists and
 * passwords. Reports every problem, not only the first. Never throws. What lies outside the file
 * (certificates, ports, disks) is for `checkEnvironment`.
 */
export function loadConfig(file: string, options: LoadOptions = {}): Loaded {
  const read = readSource(resolve(file))
  return read.ok ? loadSource(read.source, options) : read
}

/** The same from a source that was already read. */
export function loadSource(source: Source, { stateDir, env = {}, missingRegister }: LoadOptions): Loaded {
  const folder = dirname(source.file)
  const dir = stateDir === undefined ? writtenStateDir(source, folder) : resolve(stateDir)
  const parsed = parse(source, schema(fileContext(folder, dir, env)))
  if (!parsed.ok) return parsed
  const read = readSecureDomains(parsed.value.secureDomains, finder(source), missingRegister)
  if (!read.ok) return read
  const config = completed({ ...parsed.value, state: { ...parsed.value.state, dir } }, source.file, read.secureDomains)
  const { problems, warnings } = crossChecks(config, finder(source))
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config, warnings }
}

const DEFAULT_STATE = '/var/lib/postern'

// paths below $STATE are resolved while the schema parses, so it must be known before
function writtenStateDir(source: Source, folder: string): string {
  const written = source.valueAt(['state', 'dir'])
  return resolve(folder, typeof written === 'string' ? written : DEFAULT_STATE)
}

function parse<T>(source: Source, field: z.ZodType<T>): { ok: true; value: T } | { ok: false; problems: Problem[] } {
  const result = field.safeParse(source.data ?? {})
  if (result.success) return { ok: true, value: result.data }
  return { ok: false, problems: inOrder(problemsOf(result.error.issues, source)) }
}

const inOrder = (problems: Problem[]): Problem[] => problems.sort((a, b) => a.line - b.line || a.column - b.column)

function finder(source: Source): Finder {
  return { file: source.file, locate: (path) => source.locate(path, 'value') }
}

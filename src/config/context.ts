import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Field, value } from './fields.ts'

/**
 * What reading a configuration needs from outside: where relative paths start, the environment,
 * and small files. The schema is made anew for each context.
 */
export interface Context {
  /** An absolute path for what stands in the file; `$STATE/…` is below the state folder. */
  resolve(path: string): string
  /** An environment variable, or undefined. */
  variable(name: string): string | undefined
  /** The text of a small file; throws the file system's error, or RangeError over `limit` bytes. */
  readText(path: string, limit: number): string
}

const STATE = '$STATE/'

/** The context of a file that lies in `folder`, with data in `stateDir`. */
export function fileContext(
  folder: string,
  stateDir: string,
  env: Readonly<Record<string, string | undefined>>,
): Context {
  return {
    resolve: (path) => (path.startsWith(STATE) ? resolve(stateDir, path.slice(STATE.length)) : resolve(folder, path)),
    variable: (name) => env[name],
    readText: readBounded,
  }
}

function readBounded(path: string, limit: number): string {
  if (statSync(path).size > limit) throw new RangeError(`the file is larger than ${limit} bytes`)
  return readFileSync(path, 'utf8')
}

/** A path, made absolute. It need not exist: `postern check` looks. */
export function path(context: Context): Field<string> {
  return value(
    'a path, relative to this file or to $STATE, or one that begins with a variable of the environment that is set',
    (input) => {
      const found = typeof input === 'string' ? expanded(input, context) : undefined
      if (found === undefined || found.length === 0 || found.length > 1024 || found.includes('\0')) return undefined
      return context.resolve(found)
    },
    'path',
  )
}

const VARIABLE = /^\$\{([A-Za-z_][A-Za-z0-9_]{0,63})\}/

/** `${NAME}` at the beginning stands for a variable of the environment; undefined where that is not set. */
function expanded(path: string, context: Context): string | undefined {
  const [whole, name] = VARIABLE.exec(path) ?? []
  if (whole === undefined || name === undefined) return path
  const found = context.variable(name)
  return found === undefined || found === '' ? undefined : found + path.slice(whole.length)
}

/** Something wrong in a configuration file, and where. */
export interface Problem {
  /** As the loader was given it, absolute. */
  readonly file: string
  /** From 1; 0 where the file as a whole is meant. */
  readonly line: number
  readonly column: number
  /** Path of the key: `queue.lifetime`, `listeners[0].port`. Empty for the file as a whole. */
  readonly key: string
  /** What is wrong and what would be right, for a person. Never holds the value of a secret. */
  readonly message: string
  /** Completes "expected …"; null where there is more to it than a wrong value. */
  readonly expected: string | null
  /** What stands there instead; null likewise. */
  readonly found: string | null
  /** For an unknown key: the known one that was probably meant. */
  readonly nearest: string | null
}

/** `file:line:column: key: message`, as compilers write it, so that editors find the place. */
export function formatProblem({ file, line, column, key, message }: Problem): string {
  const where = line === 0 ? file : `${file}:${line}:${column}`
  return [where, key, message].filter((part) => part !== '').join(': ')
}

/** `['listeners', 0, 'port']` as `listeners[0].port`. */
export function formatKey(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    const name = String(part)
    if (!/^[\w-]+$/.test(name)) return `${text}['${name}']`
    return text === '' ? name : `${text}.${name}`
  }, '')
}

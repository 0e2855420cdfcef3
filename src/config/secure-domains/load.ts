import type { Finder } from '../cross-checks.ts'
import type { Problem } from '../problem.ts'
import { readRegisterFile, type SecureDomains, secureDomainsOf } from './file.ts'
import { whole } from './register.ts'

export type LoadedRegister =
  | { readonly ok: true; readonly secureDomains: SecureDomains | null }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Reads the register that the configuration names. */
export function readSecureDomains(
  key: { readonly file: string; readonly warn: number } | null,
  finder: Finder,
  missing: 'problem' | 'empty' = 'problem',
): LoadedRegister {
  if (key === null) return { ok: true, secureDomains: null }
  const read = readRegisterFile(key.file)
  if (read.ok) return { ok: true, secureDomains: secureDomainsOf(key.file, key.warn, read.register) }
  if (!('missing' in read)) return { ok: false, problems: shortList(key.file, read.problems) }
  if (missing === 'empty') return { ok: true, secureDomains: secureDomainsOf(key.file, key.warn) }
  return { ok: false, problems: [notThere(key.file, finder)] }
}

function notThere(file: string, finder: Finder): Problem {
  const path = ['secureDomains', 'file']
  const message = `${file} is not there: "postern domain add" makes it with its first entry, or put it there`
  const nothing = { expected: null, found: null, nearest: null }
  return { file: finder.file, ...finder.locate(path), key: path.join('.'), message, ...nothing }
}

// the log of a daemon is no place for twenty thousand lines
const MOST_TOLD = 100

function shortList(file: string, problems: readonly Problem[]): readonly Problem[] {
  if (problems.length <= MOST_TOLD) return problems
  return [...problems.slice(0, MOST_TOLD), whole(file, `and ${problems.length - MOST_TOLD} problems more`)]
}

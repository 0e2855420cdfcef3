import { isDeepStrictEqual } from 'node:util'
import type { SecureDomain } from '../../mail/secure-domain.ts'
import { lineOf, type RegisterFile, type RegisterLine } from './register.ts'

/** Changes to a register. Each gives a new one, in which every other line stands as it was. */

/** The entry of this very domain, active or not. */
export const entryFor = ({ lines }: RegisterFile, domain: string): SecureDomain | null =>
  lines.find(({ entry }) => entry?.domain === domain)?.entry ?? null

/** With entries in the place of those of the same domains; what is new comes at the end. */
export function withEntries(register: RegisterFile, entries: readonly SecureDomain[]): RegisterFile {
  const left = new Map(entries.map((entry) => [entry.domain, entry]))
  const lines = register.lines.map((line): RegisterLine => {
    const next = line.entry === null ? undefined : left.get(line.entry.domain)
    if (next === undefined) return line
    left.delete(next.domain)
    return isDeepStrictEqual(next, line.entry) ? line : lineOf(next, register.columns)
  })
  return { ...register, lines: [...lines, ...[...left.values()].map((entry) => lineOf(entry, register.columns))] }
}

/** With the entry of a domain retired, and a comment above it that says by whom and why. */
export function withRetired(register: RegisterFile, domain: string, comment: string): RegisterFile {
  const lines = register.lines.flatMap((line): RegisterLine[] => {
    if (line.entry?.domain !== domain) return [line]
    const note = { text: `# ${comment.replace(CONTROL, ' ')}`, entry: null }
    return [note, lineOf({ ...line.entry, status: 'retired' }, register.columns)]
  })
  return { ...register, lines }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they would begin a new line
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g

/** What entries from elsewhere would change. Those that they do not name stay. */
export interface Merge {
  readonly added: readonly SecureDomain[]
  readonly changed: readonly { readonly before: SecureDomain; readonly after: SecureDomain }[]
  readonly unchanged: number
  /** Entries that are not among those from elsewhere. */
  readonly left: number
}

export function mergeOf(register: RegisterFile, entries: readonly SecureDomain[]): Merge {
  const known = new Map(register.lines.flatMap(({ entry }) => (entry === null ? [] : [[entry.domain, entry] as const])))
  const added: SecureDomain[] = []
  const changed: { before: SecureDomain; after: SecureDomain }[] = []
  for (const after of entries) {
    const before = known.get(after.domain)
    if (before === undefined) added.push(after)
    else if (!isDeepStrictEqual(before, after)) changed.push({ before, after })
  }
  const unchanged = entries.length - added.length - changed.length
  return { added, changed, unchanged, left: known.size - changed.length - unchanged }
}

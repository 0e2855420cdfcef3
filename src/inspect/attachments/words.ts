import { asciiName, shownName } from './blocked/characters.ts'
import type { Block, Finding } from './finding.ts'

const MOST_PATH = 400

/** A path as people read it: `a.zip > b.docx`. Nothing in it is invisible; at most 400 characters. */
export function shownPath(path: readonly string[]): string {
  const shown = path.map(shownName).join(' > ')
  if (shown.length <= MOST_PATH) return shown
  return `${shown.slice(0, 200).toWellFormed()} ... ${shown.slice(-190).toWellFormed()}`
}

/** For the sender, in ASCII: which file, why, and what to do instead. Null where nothing is wrong. */
export function reasonFor(finding: Finding): string | null {
  const { state, format, path, facts } = finding
  const file = asciiName(shownPath(path))
  const why = asciiName(facts.join('; '))
  switch (state) {
    case 'clean':
      return null
    case 'encrypted':
      return (
        `The attachment "${file}" is encrypted (${format}: ${why}), so it cannot be checked for viruses. ` +
        `Send it again without a password${alternativeFor(format)}.`
      )
    case 'readable':
      return (
        `The attachment "${file}" is encrypted, though it opens without a password (${format}: ${why}). ` +
        'Save it again without protection, and send it once more.'
      )
    case 'suspicious':
      return (
        `The attachment "${file}" cannot be read to its end (${format}: ${why}), so it cannot be checked for viruses. ` +
        'Make it anew, check that it opens, and send it again.'
      )
  }
}

function alternativeFor(format: string): string {
  if (format.startsWith('S/MIME') || format.startsWith('PGP')) return ' or key, or ask the recipient for another way'
  return ', or ask the recipient for another way to hand it over'
}

/** For the sender, in ASCII: which file is of a kind that is not taken. */
export function reasonForBlock({ path, what, rule }: Block): string {
  const file = asciiName(shownPath(path))
  const kind =
    rule === 'extension' || rule === 'double-extension' ? `its name ends in ${what}` : `it is or holds ${what}`
  const named = rule === 'bidi-name' || rule === 'hidden-characters' ? `it has ${what}` : kind
  return (
    `The attachment "${file}" is of a kind that is not accepted here: ${asciiName(named)}. ` +
    'Send it as a plain document, or ask the recipient for another way to hand it over.'
  )
}

import type { BlockRule } from '../finding.ts'
import { hasBidi, hasInvisible, invisibleFree } from './characters.ts'

export interface NameFault {
  readonly rule: BlockRule
  readonly what: string
}

/** Extensions that people take for harmless, and that a second extension hides behind. */
const HARMLESS = new Set(
  'pdf doc docx xls xlsx ppt pptx odt ods odp rtf txt csv jpg jpeg png gif tif tiff bmp mp3 mp4 avi htm html xml zip eml'.split(
    ' ',
  ),
)

/**
 * What is wrong with a file's name. Names are judged as a system would open them: without the dots
 * and spaces at the end that Windows drops, without an alternate stream, letters of full width as
 * plain ones, and without characters that nobody sees.
 */
export function nameFaults(name: string, extensions: ReadonlySet<string>): NameFault[] {
  const faults: NameFault[] = []
  if (hasBidi(name)) faults.push({ rule: 'bidi-name', what: 'a name that changes the direction of writing' })
  const opened = openedName(name)
  const segments = opened.split('.').map((segment) => segment.trim())
  const last = segments.at(-1) ?? ''
  if (hasInvisible(name) && segments.length > 1 && endsDisguised(name)) {
    faults.push({ rule: 'hidden-characters', what: 'invisible characters in its extension' })
  }
  if (segments.length < 2 || !extensions.has(last)) return faults
  const before = segments.at(-2) ?? ''
  if (segments.length > 2 && HARMLESS.has(before)) {
    return [...faults, { rule: 'double-extension', what: `.${before}.${last}` }]
  }
  return [...faults, { rule: 'extension', what: `.${last}` }]
}

/** The name's last part as Windows would open it, in lower case. */
export function openedName(name: string): string {
  const plain = invisibleFree(name.slice(-1024).normalize('NFKC')).replaceAll('\u2024', '.')
  const base = plain.slice(Math.max(plain.lastIndexOf('/'), plain.lastIndexOf('\\')) + 1)
  const stream = base.indexOf(':', 2)
  return trimEnd(stream > 0 ? base.slice(0, stream) : base).toLowerCase()
}

/** The extension in lower case, or the empty string. */
export function extensionOf(name: string): string {
  const opened = openedName(name)
  const dot = opened.lastIndexOf('.')
  return dot < 0 ? '' : opened.slice(dot + 1).trim()
}

function trimEnd(name: string): string {
  let end = name.length
  while (end > 0 && /[\s.\u00a0]/u.test(name.charAt(end - 1))) end -= 1
  return name.slice(0, end)
}

/** Whether what cannot be seen stands in or at the extension; elsewhere Persian and Indic names need some of it. */
function endsDisguised(name: string): boolean {
  return hasInvisible(name.slice(Math.max(0, name.lastIndexOf('.') - 1)))
}

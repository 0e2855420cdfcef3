// Combining marks and joiners take no column of their own
const NO_COLUMN = /\p{Mn}|\p{Me}|\p{Cf}/u
// East Asian Wide and Fullwidth (Unicode Standard Annex 11), by blocks, and emoji: two columns
const TWO_COLUMNS =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u
// biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range
const ASCII = /^[\x00-\x7f]*$/

/** Columns that printable text takes on a terminal. */
export function width(text: string): number {
  if (ASCII.test(text)) return text.length
  let columns = 0
  for (const character of text) columns += columnsOf(character)
  return columns
}

function columnsOf(character: string): number {
  if (NO_COLUMN.test(character)) return 0
  return TWO_COLUMNS.test(character) ? 2 : 1
}

/** The text cut to `columns`, with `…` where something is missing. */
export function fit(text: string, columns: number): string {
  if (width(text) <= columns) return text
  let kept = ''
  let used = 0
  for (const character of text) {
    used += columnsOf(character)
    if (used > columns - 1) break
    kept += character
  }
  return `${kept}…`
}

/** The text with spaces added up to `columns`. */
export function pad(text: string, columns: number, align: 'left' | 'right'): string {
  const spaces = ' '.repeat(Math.max(0, columns - width(text)))
  return align === 'left' ? text + spaces : spaces + text
}

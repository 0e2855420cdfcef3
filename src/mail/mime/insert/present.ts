/** Texts shorter than this, in letters and digits, are ordinary words: they must stand on lines of their own to be known again. */
const TELLING = 16

/** ASCII letters and digits, lower-case: what quoting, wrapping, HTML and character sets leave of a text. */
export const fingerprint = (text: string): string => text.replace(/[^0-9A-Za-z]+/g, '').toLowerCase()

/** The longest run of ASCII letters. */
export function longestWord(text: string): string {
  let longest = ''
  for (const [word] of text.matchAll(/[A-Za-z]+/g)) if (word.length > longest.length) longest = word
  return longest
}

interface Known {
  readonly text: string
  readonly marker: string
  readonly fingerprint: string
  readonly probe: string
}

/** Whether a body holds the text already, quoted or not. */
export function isPresent(addition: Known, body: string, isHtml: boolean): boolean {
  if (isHtml && body.includes(addition.marker)) return true
  // cheap, and true of nearly all first mail
  if (!body.includes(addition.probe)) return false
  const visible = isHtml ? textOfHtml(body) : body
  if (addition.fingerprint.length >= TELLING) return fingerprint(visible).includes(addition.fingerprint)
  return linesOf(visible).includes(linesOf(addition.text))
}

/** Lines without quote marks and white space, empty ones left out. */
function linesOf(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/^[>|\s]+/, '').trimEnd())
  return `\n${lines.filter((line) => line !== '').join('\n')}\n`
}

const NAMED: Readonly<Record<string, string>> = { nbsp: ' ', lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

/** Roughly what HTML shows: enough to find a text in. Other named references are characters that no fingerprint holds. */
const textOfHtml = (html: string): string =>
  html
    // without `<` within, so that a run of them costs no more than its length
    .replace(/<[^<>]*>/g, '\n')
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{1,31}));/gi, (_, decimal, hex, name) =>
      name === undefined ? character(decimal, hex) : (NAMED[String(name).toLowerCase()] ?? ''),
    )

function character(decimal: string | undefined, hex: string | undefined): string {
  const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)
  return code <= 0x10ffff ? String.fromCodePoint(code) : ''
}

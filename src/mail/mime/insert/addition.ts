import { createHash } from 'node:crypto'
import { scanHtml } from './html.ts'
import { fingerprint, longestWord } from './present.ts'

/** A text that is to be put into messages, ready for it. */
export interface Addition {
  /** Lines with `\r\n` between them, none at the end, no white space at the end of any but `-- `. */
  readonly text: string
  /** The same for HTML: one element, lines with `\r\n` between them. */
  readonly html: string
  /** Stands in `html`, by which it is known again. */
  readonly marker: string
  /** By which the text is known again: what is left of it without all that mail programs change. */
  readonly fingerprint: string
  /** A word that is in the text wherever that is; empty if there is none. */
  readonly probe: string
}

/** So that no message grows by more than the chain lets it, whatever the encoding. */
const MAX_CHARACTERS = 16_384
/** RFC 5322 section 2.1.1. */
const MAX_LINE = 998

/** A text that cannot be put into mail; the message says why, for an operator. */
export class UnfitText extends Error {
  override readonly name = 'UnfitText'
}

/**
 * Makes an addition of a text and its HTML; null for HTML that is made of the text. `className` is
 * that of the element around it. Throws UnfitText: empty, over 16,384 characters, a line over 998
 * octets, control characters, HTML that does not end what it begins.
 */
export function makeAddition(text: string, html: string | null, className: string, style = ''): Addition {
  const lines = tidy(text)
  checkText(lines, 'the text')
  const body = html === null ? fromText(lines) : tidy(html)
  const marker = `${className}-${createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 12)}`
  const styled = style === '' ? '' : ` style="${style}"`
  const element = [`<div class="${className} ${marker}"${styled}>`, ...body, '</div>']
  checkText(element.map(asReferences), html === null ? 'the text, written as HTML,' : 'the HTML')
  checkHtml(body)
  const joined = lines.join('\r\n')
  return {
    text: joined,
    html: element.join('\r\n'),
    marker,
    fingerprint: fingerprint(joined),
    probe: longestWord(joined),
  }
}

/** Lines without white space at their ends, and without empty lines at the beginning and the end. */
function tidy(text: string): string[] {
  const lines = text
    .replace(/^\ufeff/, '')
    .split(/\r\n|\r|\n/)
    .map((line) => (line === '-- ' ? line : line.trimEnd()))
  const first = lines.findIndex((line) => line !== '')
  const last = lines.findLastIndex((line) => line !== '')
  return first < 0 ? [] : lines.slice(first, last + 1)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/

function checkText(lines: readonly string[], what: string): void {
  if (lines.length === 0) throw new UnfitText(`${what} is empty`)
  if (lines.reduce((sum, line) => sum + line.length, 0) > MAX_CHARACTERS) {
    throw new UnfitText(`${what} has over ${MAX_CHARACTERS} characters`)
  }
  const long = lines.findIndex((line) => Buffer.byteLength(line) > MAX_LINE)
  if (long >= 0) throw new UnfitText(`${what} has a line over ${MAX_LINE} octets; break it`)
  if (lines.some((line) => CONTROL.test(line))) throw new UnfitText(`${what} has control characters`)
}

function checkHtml(lines: readonly string[]): void {
  const html = lines.join('\n')
  const { closesBody, unfinished } = scanHtml(html)
  if (unfinished !== null) throw new UnfitText('the HTML has a comment, a tag, a style or a script that does not end')
  if (closesBody !== null || /<(?:html|body)[\s>]/i.test(html)) {
    throw new UnfitText('the HTML must be what stands within a body, without html and body themselves')
  }
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Lines of text as lines of HTML. */
const fromText = (lines: readonly string[]): string[] =>
  lines.map((line, i) => {
    const escaped = line.replace(/[&<>"]/g, (char) => ENTITIES[char] ?? char).replace(/ {2}/g, ' &nbsp;')
    return i === lines.length - 1 ? escaped : `${escaped}<br>`
  })

/** HTML in ASCII: every other character by its number. */
export const asReferences = (html: string): string =>
  html.replace(/[^\t\r\n\x20-\x7e]/gu, (char) => `&#${char.codePointAt(0)};`)

import { XMLParser } from 'fast-xml-parser'
import type { ReportLimits } from '../options.ts'
import { Damaged } from './damaged.ts'

/** An element: its children by name, each a list; text where it has none. Names without their prefixes. */
export type Element = { readonly [name: string]: readonly (Element | string)[] | undefined }

const parser = (depth: number) =>
  new XMLParser({
    ignoreAttributes: true,
    removeNSPrefix: true,
    parseTagValue: false,
    // entities are read by `decodeEntities`: the five that XML has, and numbers
    processEntities: false,
    htmlEntities: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    maxNestedTags: depth,
    isArray: () => true,
  })

/** Parses XML that was found to be within bounds. Throws Damaged. */
export function readXml(xml: string, row: string, limits: Pick<ReportLimits, 'depth' | 'receivedRows'>): Element {
  const text = xml.replace(/^\ufeff/, '')
  checkBounds(text, row, limits)
  try {
    return parser(limits.depth).parse(text) as Element
  } catch {
    throw new Damaged('no XML')
  }
}

/**
 * Looks through the tags before anything is made of them: no declarations of a document's own (and so no
 * entities), no more levels and rows than allowed. Each byte is looked at once.
 */
function checkBounds(
  xml: string,
  row: string,
  { depth, receivedRows }: Pick<ReportLimits, 'depth' | 'receivedRows'>,
): void {
  if (xml.includes('\0')) throw new Damaged('a NUL in XML')
  let level = 0
  let rows = 0
  for (let at = xml.indexOf('<'); at >= 0; ) {
    const end = endOfTag(xml, at)
    const kind = xml[at + 1]
    if (kind === '/') level--
    else if (kind !== '!' && kind !== '?') {
      if (xml[end - 1] !== '/') level++
      if (isNamed(xml, at + 1, row) && ++rows > receivedRows) throw new Damaged(`more than ${receivedRows} rows`)
    }
    if (level > depth) throw new Damaged(`more than ${depth} levels of XML`)
    at = xml.indexOf('<', end)
  }
  if (level !== 0) throw new Damaged('XML whose elements do not end')
}

/** The index of the `>`. Only comments and CDATA may begin with `<!`. */
function endOfTag(xml: string, at: number): number {
  const close = xml.startsWith('<!--', at) ? '-->' : xml.startsWith('<![CDATA[', at) ? ']]>' : '>'
  if (xml[at + 1] === '!' && close === '>') throw new Damaged('XML with a DOCTYPE or another declaration')
  const end = xml.indexOf(close, at + 1)
  if (end < 0) throw new Damaged('XML that ends within a tag')
  return end + close.length - 1
}

function isNamed(xml: string, at: number, name: string): boolean {
  const colon = xml.slice(at, at + 64).search(/[:\s/>]/)
  const from = colon > 0 && xml[at + colon] === ':' ? at + colon + 1 : at
  return xml.startsWith(name, from) && /[\s/>]/.test(xml[from + name.length] ?? '')
}

/** The first child element of that name; one without children where there is none. */
export function child(element: Element | undefined, name: string): Element {
  const found = element?.[name]?.[0]
  return typeof found === 'object' ? found : EMPTY
}

const EMPTY: Element = {}

/** All child elements of that name. */
export const children = (element: Element, name: string): readonly Element[] =>
  (element[name] ?? []).filter((each) => typeof each === 'object')

/** The text of the first child of that name; empty where there is none. */
export function textOf(element: Element, name: string): string {
  const found = element[name]?.[0]
  return typeof found === 'string' ? decodeEntities(found) : ''
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** XML 1.0 section 4.6, and references to characters. Anything else stays as it is. */
export function decodeEntities(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});/g, (whole, name: string) => {
    if (!name.startsWith('#')) return NAMED[name] ?? whole
    const code = name[1] === 'x' ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1))
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : whole
  })
}

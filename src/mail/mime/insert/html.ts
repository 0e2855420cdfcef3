/** Where something can be put into HTML. Offsets into the string; bytes, if that is a binary string. */
export interface HtmlPlaces {
  /** The last `</body>` outside of comments, scripts and the like; null without one. */
  readonly closesBody: number | null
  /** The last `</html>` likewise. */
  readonly closesHtml: number | null
  /** After the first `<body …>`; null without one. */
  readonly opensBody: number | null
  /** After what stands in front of a body that has no tag: doctype, `<html>`, the head. */
  readonly afterHead: number
  /** Where a comment, script or tag begins that never ends; null where all end. */
  readonly unfinished: number | null
}

/** Elements whose content is text, whatever it looks like. */
const RAW: ReadonlySet<string> = new Set([
  'script',
  'style',
  'textarea',
  'title',
  'xmp',
  'iframe',
  'noembed',
  'noframes',
])

/** Goes through HTML once, as its standard cuts it into tags, comments and text. */
export function scanHtml(html: string): HtmlPlaces {
  const places: Places = { ...NOWHERE, begun: false }
  for (let at = html.indexOf('<'); at >= 0; at = html.indexOf('<', at)) {
    const tag = readTag(html, at)
    if (tag === null) at++
    else if (tag.end < 0) return { ...places, unfinished: at }
    else {
      note(places, tag.name, at, tag.end)
      const end = RAW.has(tag.name) ? rawEnd(html, tag.name, tag.end) : tag.end
      if (end < 0) return { ...places, unfinished: at }
      at = end
    }
  }
  return places
}

const NOWHERE: HtmlPlaces = { closesBody: null, closesHtml: null, opensBody: null, afterHead: 0, unfinished: null }

type Places = { -readonly [K in keyof HtmlPlaces]: HtmlPlaces[K] } & { begun: boolean }

function note(places: Places, name: string, start: number, end: number): void {
  if (name === '/body') places.closesBody = start
  else if (name === '/html') places.closesHtml = start
  else if (name === 'body') places.opensBody ??= end
  else if (BEFORE_BODY.has(name) && !places.begun) places.afterHead = end
  // comments say nothing; what is in a head is part of it
  else if (name !== '' && !IN_HEAD.has(name)) places.begun = true
}

const BEFORE_BODY: ReadonlySet<string> = new Set(['!doctype', 'html', '/head'])
const IN_HEAD: ReadonlySet<string> = new Set(
  'head meta title /title style /style script /script link base noscript /noscript object'.split(' '),
)

interface Tag {
  /** Lower-case, a slash in front of that of an end tag; empty for a comment. */
  readonly name: string
  /** After it; -1 if it never ends. */
  readonly end: number
}

/** The tag or comment at a `<`; null where it is text. */
function readTag(html: string, at: number): Tag | null {
  const [name] = at + 1 < html.length ? (NAME.exec(html.slice(at + 1, at + 40)) ?? []) : []
  if (name !== undefined) return { name: name.toLowerCase(), end: tagEnd(html, at + 1 + name.length) }
  const next = html.charAt(at + 1)
  if (html.startsWith('<!--', at)) return { name: '', end: commentEnd(html, at) }
  if (next !== '!' && next !== '?' && next !== '/') return null
  const end = html.indexOf('>', at) + 1
  return { name: /^<!doctype/i.test(html.slice(at, at + 9)) ? '!doctype' : '', end: end === 0 ? -1 : end }
}

const NAME = /^\/?[A-Za-z][^\s/>]{0,30}/

/** `<!-->` is a whole comment, and `--!>` ends one too. */
function commentEnd(html: string, at: number): number {
  COMMENT_END.lastIndex = at + 2
  return COMMENT_END.test(html) ? COMMENT_END.lastIndex : -1
}

const COMMENT_END = /--!?>/g

/** A `>` within quotes, which follow an equals sign, ends no tag. */
function tagEnd(html: string, from: number): number {
  for (let at = from; at < html.length; at++) {
    const char = html.charAt(at)
    if (char === '>') return at + 1
    if (char !== '=') continue
    let value = at + 1
    while (' \t\r\n\f'.includes(html.charAt(value)) && value < html.length) value++
    const quote = html.charAt(value)
    if (quote !== '"' && quote !== "'") continue
    const end = html.indexOf(quote, value + 1)
    if (end < 0) return -1
    at = end
  }
  return -1
}

function rawEnd(html: string, name: string, from: number): number {
  const end = new RegExp(`</${name}[\\s/>]`, 'gi')
  end.lastIndex = from
  const found = end.exec(html)
  return found === null ? -1 : found.index
}

/** Where a text goes that is to stand below all others. */
export function bottomOf(html: string): number {
  const { closesBody, closesHtml, unfinished } = scanHtml(html)
  return closesBody ?? closesHtml ?? unfinished ?? html.length
}

/** Where a text goes that is to stand above all others. */
export function topOf(html: string): number {
  const { opensBody, afterHead } = scanHtml(html)
  return opensBody ?? afterHead
}

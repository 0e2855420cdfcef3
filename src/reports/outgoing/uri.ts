import { type Address, formatAddress, parseAddress } from '../../mail/address.ts'

/** Where a report goes. `uri` names it in the record of what was sent. */
export type Destination =
  | { readonly by: 'mail'; readonly uri: string; readonly to: Address; readonly maxBytes: number | null }
  | { readonly by: 'https'; readonly uri: string; readonly url: URL }

/** What a record asks for. `failed` is temporary. */
export type Wanted =
  | { readonly is: 'found'; readonly destinations: readonly Destination[] }
  | { readonly is: 'nobody'; readonly why: string }
  | { readonly is: 'failed'; readonly cause: string }

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/** One URI of `rua`; a size may follow it in DMARC (RFC 7489 section 6.2). Null for any other kind, and for what is none. */
export function parseDestination(text: string, withSize: boolean): Destination | null {
  const [, written = '', digits, unit = ''] = /^(.*?)(?:!(\d{1,9})([kmgt]?))?$/i.exec(text.trim()) ?? []
  const uri = withSize ? written : text.trim()
  if (/^mailto:/i.test(uri))
    return mailTo(uri, withSize && digits !== undefined ? Number(digits) * (UNITS[unit.toLowerCase()] ?? 1) : null)
  return /^https:/i.test(uri) ? https(uri) : null
}

function mailTo(uri: string, maxBytes: number | null): Destination | null {
  const to = parseAddress(decoded(uri.slice('mailto:'.length).split('?')[0] ?? ''))
  return to === null ? null : { by: 'mail', uri: `mailto:${formatAddress(to)}`, to, maxBytes }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

function https(text: string): Destination | null {
  if (text.length > 2000 || !URL.canParse(text)) return null
  const url = new URL(text)
  return url.protocol === 'https:' && url.username === '' ? { by: 'https', uri: url.href, url } : null
}

/** `tag=value` pairs of a record. A tag that stands twice makes the record none: null (RFC 6376 section 3.2). */
export function tagsOf(record: string): ReadonlyMap<string, string> | null {
  const tags = new Map<string, string>()
  for (const pair of record.split(';')) {
    const [name = '', ...value] = pair.split('=')
    if (value.length === 0) continue
    if (tags.has(name.trim())) return null
    tags.set(name.trim(), value.join('=').trim())
  }
  return tags
}

/** What `rua` lists, each once. */
export function destinationsIn(rua: string, withSize: boolean, limit: number): readonly Destination[] {
  const found = rua
    .split(',')
    .slice(0, 50)
    .map((text) => parseDestination(text, withSize))
  const byUri = new Map(found.filter((each) => each !== null).map((each) => [each.uri, each]))
  return [...byUri.values()].slice(0, limit)
}

import { isAscii } from 'node:buffer'
import { setImmediate as turn } from 'node:timers/promises'
import { type Content, memoryContent, prefixedContent } from '../mail/content.ts'
import { type Header, type HeaderLimits, HeaderReader, parseHeader } from '../mail/header.ts'
import { formatField } from './fields.ts'
import type { Modification } from './plugin.ts'
import { BadAnswer } from './valid.ts'

/** A message on its way through the chain. Never changed: each step makes another. */
export interface Draft {
  /** Header fields that this relay adds. */
  readonly prefix: Buffer
  readonly content: Content
  /** The header of `content`, without the prefix. */
  readonly header: Header
  /** Whether new content holds bytes above 127; null where it is not new. */
  readonly eightBit: boolean | null
  /** It is to be kept as sensitive: some plugin said so, and none has encrypted it. */
  readonly sensitive: boolean
}

/** The message as it would be delivered now. */
export const wholeContent = ({ prefix, content }: Draft): Content => prefixedContent(prefix, content)

/** All fields as they would be delivered now. */
export const wholeHeader = ({ prefix, header }: Draft) =>
  prefix.length === 0 ? header.fields : [...parseHeader(prefix, false, Infinity).fields, ...header.fields]

/** Puts fields on top. */
export function withFields(draft: Draft, fields: string): Draft {
  return fields === '' ? draft : { ...draft, prefix: Buffer.concat([Buffer.from(fields), draft.prefix]) }
}

export interface ContentLimits extends HeaderLimits {
  /** Bytes of the largest message that usually comes in. */
  readonly content: number
}

/** How much a modifier may make a message grow over that, or over what it was. */
const GROWTH = 1024 * 1024
/** By what part more where it encrypts: base64 makes four bytes of three, and lines of them. */
const ENCRYPTED_GROWTH = 0.5

/** Does all of a modifier's changes in their order. Throws, and nothing has changed, if one of them cannot be done. */
export async function modified(draft: Draft, changes: readonly Modification[], limits: ContentLimits): Promise<Draft> {
  let next = draft
  for (const change of changes) {
    if (change.do === 'addHeader') next = withFields(next, formatField(change.name, change.value))
    else if (change.do === 'removeHeader') next = withoutFields(next, change.name, change.matches ?? (() => true))
    else next = await replaced(next, change, limits)
  }
  return next
}

/** Without the fields of that name whose value matches, wherever they stand. */
export function withoutFields(draft: Draft, name: string, matches: (value: string) => boolean): Draft {
  const prefix = cut(parseHeader(draft.prefix, false, Infinity), name, matches)
  const header = cut(draft.header, name, matches)
  const kept = header === null ? draft : withHeader(draft, header)
  return prefix === null ? kept : { ...kept, prefix }
}

/** The header's bytes without those fields; null if it has none of them. */
function cut({ bytes, fields }: Header, name: string, matches: (value: string) => boolean): Buffer | null {
  const wanted = name.toLowerCase()
  const found = fields.filter((field) => field.name.toLowerCase() === wanted && matches(field.value))
  if (found.length === 0) return null
  const kept: Buffer[] = []
  let from = 0
  for (const { start, end } of found) {
    kept.push(bytes.subarray(from, start))
    from = end
  }
  return Buffer.concat([...kept, bytes.subarray(from)])
}

function withHeader(draft: Draft, bytes: Buffer): Draft {
  const { content, header } = draft
  return {
    ...draft,
    content: prefixedContent(bytes, tail(content, header.bytes.length)),
    header: parseHeader(bytes, false, Infinity),
  }
}

/** Content from a byte on. */
function tail(content: Content, from: number): Content {
  if (content.bytes !== null) return memoryContent(content.bytes.subarray(from))
  return {
    size: content.size - from,
    bytes: null,
    async *stream() {
      let skip = from
      for await (const chunk of content.stream()) {
        if (chunk.length > skip) yield chunk.subarray(skip)
        skip = Math.max(0, skip - chunk.length)
      }
    },
  }
}

type Replacement = Extract<Modification, { do: 'replaceContent' }>

/** What a modifier made, read once to see that it is a message that may travel. */
async function replaced(draft: Draft, { content, encrypted }: Replacement, limits: ContentLimits): Promise<Draft> {
  const usual = Math.max(draft.content.size, limits.content)
  if (content.size > usual * (encrypted ? 1 + ENCRYPTED_GROWTH : 1) + GROWTH)
    throw new BadAnswer(`the new content has ${content.size} bytes`)
  const reader = new HeaderReader(limits)
  let size = 0
  let eightBit = false
  let last = 0
  for await (const chunk of inTurns(content)) {
    size += chunk.length
    if (size > content.size) break
    reader.push(chunk)
    if (hasBareLineEnd(chunk, last)) throw new BadAnswer('the new content has a CR or LF by itself')
    eightBit ||= !isAscii(chunk)
    last = chunk.at(-1) ?? last
  }
  if (size !== content.size) throw new BadAnswer('the new content is not as long as its size says')
  if (last === CR) throw new BadAnswer('the new content has a CR or LF by itself')
  const header = reader.header()
  if (header.tooLarge || header.headless) throw new BadAnswer('the new content has no header that may travel')
  return { prefix: EMPTY, content, header, eightBit, sensitive: draft.sensitive && encrypted !== true }
}

/** Looked at in one go: a millisecond. */
const AT_ONCE = 256 * 1024

/** In pieces with room for others in between, as what was encrypted is large and lies in memory. */
async function* inTurns(content: Content): AsyncIterable<Buffer> {
  for await (const chunk of content.stream()) {
    if (chunk.length <= AT_ONCE) yield chunk
    else yield* piecesOf(chunk)
  }
}

async function* piecesOf(chunk: Buffer): AsyncIterable<Buffer> {
  for (let at = 0; at < chunk.length; at += AT_ONCE) {
    yield chunk.subarray(at, at + AT_ONCE)
    await turn()
  }
}

const EMPTY = Buffer.alloc(0)
const CR = 13
const LF = 10

/** RFC 5321 section 2.3.8: CR and LF only ever together; next hops take them apart in different ways. `before`: the byte in front. */
function hasBareLineEnd(chunk: Buffer, before: number): boolean {
  if (chunk.length === 0) return false
  if (before === CR && chunk[0] !== LF) return true
  for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) {
    if ((at === 0 ? before : chunk[at - 1]) !== CR) return true
  }
  for (let at = chunk.indexOf(CR); at >= 0; at = chunk.indexOf(CR, at + 1)) {
    if (at + 1 < chunk.length && chunk[at + 1] !== LF) return true
  }
  return false
}

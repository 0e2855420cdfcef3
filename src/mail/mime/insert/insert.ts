import { randomBytes } from 'node:crypto'
import type { Content } from '../../content.ts'
import { decodeText } from '../charset.ts'
import { decodeBytes } from '../decode.ts'
import { MIME_LIMITS, type MimeLimits } from '../limits.ts'
import type { Part } from '../part.ts'
import { readMimeContent } from '../reader.ts'
import { type Edit, readSpans, splice } from '../slices.ts'
import type { Addition } from './addition.ts'
import { bodiesOf, shownTexts, type Unfit, unfit } from './bodies.ts'
import { type Body, editBody, type Place } from './body.ts'
import { besideBody } from './own-part.ts'
import { isPresent } from './present.ts'

export interface InsertOptions {
  readonly place: Place
  /** Not where the message shows the text already, quoted or not. */
  readonly once: boolean
  /** Bytes of text that are looked at; messages with more stay as they are. */
  readonly maxText: number
  readonly limits?: MimeLimits
  /** Makes a boundary that occurs nowhere; for tests. */
  readonly boundary?: () => string
}

/** Why a message was left as it was. */
export type LeftAlone =
  | Unfit
  /** It is there already. */
  | 'present'
  /** Signed or encrypted by PGP within the text (RFC 9580 section 6). */
  | 'pgp'
  /** The text is over the limit, or in more forms than honest mail has. */
  | 'too-large'
  /** The text's transfer encoding is broken. */
  | 'broken'

export type Inserted = { readonly content: Content } | { readonly leftAlone: LeftAlone }

/**
 * Puts a text into a message: into its plain text and its HTML, each in its own character set and
 * transfer encoding, or in a part beside them. Every other byte stays as it was, and content that is
 * in a file is not read into memory but for its text. Rejects only if the content cannot be read.
 */
export async function insertText(content: Content, addition: Addition, options: InsertOptions): Promise<Inserted> {
  const mime = await readMimeContent(content, options.limits ?? MIME_LIMITS)
  const reason = unfit(mime)
  if (reason !== null) return { leftAlone: reason }
  const chosen = new Set(bodiesOf(mime.root, options.place))
  if (chosen.size === 0) return { leftAlone: 'no-body' }
  const shown = shownTexts(mime.root)
  const size = shown.reduce((sum, part) => sum + part.bodyEnd - part.bodyStart, 0)
  if (size > options.maxText || chosen.size > MAX_FORMS) return { leftAlone: 'too-large' }
  const bodies = await readBodies(content, shown)
  const found = lookInto(bodies, addition, options.once)
  if (found !== null) return { leftAlone: found }
  const edits: Edit[] = []
  for (const body of bodies) {
    if (chosen.has(body.part)) edits.push(...(await editsFor(content, body, addition, options)))
  }
  return {
    content: splice(
      content,
      edits.sort((a, b) => a.start - b.start),
    ),
  }
}

/** Plain text, HTML, and a few more. */
const MAX_FORMS = 6

async function readBodies(content: Content, parts: readonly Part[]): Promise<readonly Body[]> {
  // with what follows, to see whether that is a line end
  const spans = parts.map(({ bodyStart, bodyEnd }) => ({ start: bodyStart, end: bodyEnd + 2 }))
  const found = await readSpans(content, spans)
  return parts.map((part, i) => {
    const length = part.bodyEnd - part.bodyStart
    const bytes = found[i] ?? Buffer.alloc(0)
    const raw = bytes.subarray(0, length)
    const after = bytes.toString('latin1', length)
    const decoded = decodeBytes(raw, part.encoding, Number.MAX_SAFE_INTEGER)
    return { part, raw, decoded, tight: part.parent !== null && after !== '\r\n' }
  })
}

const PGP = /^-----BEGIN PGP (?:SIGNED )?MESSAGE/m

function lookInto(bodies: readonly Body[], addition: Addition, once: boolean): LeftAlone | null {
  for (const { part, decoded } of bodies) {
    if (decoded.flaws.has('invalid-base64') || decoded.flaws.has('base64-after-end')) return 'broken'
    const { text } = decodeText(decoded.bytes, part.charset)
    if (text.includes('-----BEGIN PGP') && (part.type.subtype === 'html' || PGP.test(text))) return 'pgp'
    if (once && isPresent(addition, text, part.type.subtype === 'html')) return 'present'
  }
  return null
}

async function editsFor(
  content: Content,
  body: Body,
  addition: Addition,
  { place, boundary = randomBoundary }: InsertOptions,
): Promise<readonly Edit[]> {
  const edit = editBody(body, addition, place)
  return edit === null ? besideBody(content, body.part, addition, place, boundary()) : [edit]
}

/** 144 random bits occur in no message. */
const randomBoundary = (): string => `=_${randomBytes(18).toString('base64url')}`

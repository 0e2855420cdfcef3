import type { AnomalyKind } from '../anomaly.ts'
import { isMessage, isMultipart, type Part } from '../part.ts'
import type { Mime } from '../reader.ts'

/** Why nothing is put into a message. */
export type Unfit =
  /** Programs may read it differently, or it was not read to its end. */
  | 'ambiguous'
  | 'signed'
  | 'encrypted'
  | 'calendar'
  | 'report'
  /** It has no text that is its own. */
  | 'no-body'

/** Besides all that is ambiguous: what would be put after them may not be where it seems. */
const DOUBTFUL: ReadonlySet<AnomalyKind> = new Set(['header-unterminated', 'unterminated'])

const TYPES: Readonly<Record<string, Unfit>> = {
  'multipart/signed': 'signed',
  'multipart/encrypted': 'encrypted',
  'application/pgp-encrypted': 'encrypted',
  'multipart/report': 'report',
  'message/delivery-status': 'report',
  'message/global-delivery-status': 'report',
  'message/disposition-notification': 'report',
  'message/global-disposition-notification': 'report',
  'text/calendar': 'calendar',
}

/** As the whole message. As an attachment it is one like others. */
const ROOT_TYPES: Readonly<Record<string, Unfit>> = {
  'application/pkcs7-mime': 'encrypted',
  'application/x-pkcs7-mime': 'encrypted',
}

/** Why this message must stay as it is; null if it need not. */
export function unfit({ root, anomalies, complete }: Mime): Unfit | null {
  if (!complete || anomalies.some(({ weight, kind }) => weight === 'ambiguous' || DOUBTFUL.has(kind)))
    return 'ambiguous'
  const whole = ROOT_TYPES[root.type.full]
  if (whole !== undefined) return whole
  for (const part of ownParts(root)) {
    const found = TYPES[part.type.full]
    if (found !== undefined && part.disposition !== 'attachment') return found
  }
  return null
}

/** The message's own parts in order, without those of attached messages. */
function* ownParts(root: Part): Generator<Part> {
  const left: Part[] = [root]
  for (let part = left.pop(); part !== undefined; part = left.pop()) {
    yield part
    if (!isMessage(part)) left.push(...part.children.toReversed())
  }
}

const isText = (part: Part): boolean => part.type.full === 'text/plain' || part.type.full === 'text/html'

/** All text that a reader shows without being asked. */
export const shownTexts = (root: Part): readonly Part[] =>
  [...ownParts(root)].filter((part) => isText(part) && part.disposition !== 'attachment')

/** A text with a name is a file, unless it is all there is. */
const isBody = (part: Part): boolean =>
  isText(part) && part.disposition !== 'attachment' && (part.parent === null || part.fileNames.length === 0)

/** The parts that are the message's text: one, or each form of it (RFC 2046 section 5.1.4). */
export function bodiesOf(part: Part, place: 'top' | 'bottom'): readonly Part[] {
  if (!isMultipart(part)) return isBody(part) ? [part] : []
  if (part.type.full === 'multipart/alternative') return part.children.flatMap((child) => bodiesOf(child, place))
  if (part.type.full === 'multipart/related') {
    const start = startOf(part)
    return start === undefined ? [] : bodiesOf(start, place)
  }
  const texts = part.children.map((child) => bodiesOf(child, place)).filter((found) => found.length > 0)
  const [first = []] = texts
  // some programs go on with the text after a file; a text of another kind is not the same text
  return place === 'top' ? first : (texts.findLast((found) => isLike(found, first)) ?? [])
}

const isLike = (some: readonly Part[], others: readonly Part[]): boolean =>
  some.length === others.length && some.every((part, i) => part.type.full === others[i]?.type.full)

/** The root of a multipart/related (RFC 2387 section 3.2). */
export function startOf(related: Part): Part | undefined {
  const id = related.type.parameters.get('start')?.raw.trim()
  const named = id === undefined ? undefined : related.children.find((child) => contentId(child) === id)
  return named ?? related.children[0]
}

const contentId = (part: Part): string | undefined =>
  part.fields.find(({ name }) => name === 'content-id')?.value.trim()

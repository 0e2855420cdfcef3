import type { Content } from '../../../mail/content.ts'
import { isMessage, type Part, readMimeContent, walk, weightOf } from '../../../mail/mime/index.ts'
import { ScannerFailure } from '../../scanners/failure.ts'
import { asMessage, bodyAsMessage, decodedBody, hasMoreAfterPadding } from './alone.ts'
import type { Sample } from './sample.ts'

/** A message with more of them is over a limit, as it would be of clamd's. */
const MOST_APART = 100

/** Messages in encoded messages in encoded messages. */
const DEEPEST = 5

/**
 * What clamd does not look at in a message, or not as mail readers do, to be scanned by itself. Found
 * by trying clamd 1.4: it passes over parts of multipart/signed and multipart/parallel, stops
 * decoding base64 at its padding, and leaves messages alone that are encoded. Where the structure
 * itself is ambiguous, every part is scanned so. Throws ScannerFailure `limit` if that would be
 * too many, or the message cannot be read to its end.
 */
export async function partsApart(content: Content, depth = 0): Promise<readonly Sample[]> {
  const mime = await readMimeContent(content)
  if (!mime.complete || depth > DEEPEST)
    throw new ScannerFailure('limit', 'the message has too many parts, or too deep ones')
  const ambiguous = mime.anomalies.some(({ kind }) => weightOf(kind) === 'ambiguous')
  const found: Sample[] = []
  for (const part of walk(mime.root)) {
    found.push(...(await apart(content, part, ambiguous, depth)))
    if (found.length > MOST_APART) throw new ScannerFailure('limit', `over ${MOST_APART} parts must be scanned apart`)
  }
  return found.filter(({ content: { size } }) => size > 0)
}

async function apart(content: Content, part: Part, ambiguous: boolean, depth: number): Promise<readonly Sample[]> {
  const { parent } = part
  const found: Sample[] = []
  if (parent !== null && PASSED_OVER.has(parent.type.full)) {
    found.push({ content: asMessage(content, part), isMail: true })
  }
  if (part.children.length > 0) return found
  if (ambiguous && parent !== null) found.push({ content: bodyAsMessage(content, part), isMail: true })
  if (isMessage(part)) return [...found, ...(await encodedMessage(content, part, depth))]
  if (part.encoding === 'base64' && (await hasMoreAfterPadding(content, part))) {
    found.push({ content: await decodedBody(content, part), isMail: false })
  }
  return found
}

const PASSED_OVER: ReadonlySet<string> = new Set(['multipart/signed', 'multipart/parallel'])

/** RFC 2046 section 5.2.1 forbids such, and readers show it all the same. */
async function encodedMessage(content: Content, part: Part, depth: number): Promise<readonly Sample[]> {
  const inner = await decodedBody(content, part)
  return [{ content: inner, isMail: true }, ...(await partsApart(inner, depth + 1))]
}

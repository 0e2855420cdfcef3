import {
  type AnomalyKind,
  decodeBody,
  decodeTextBody,
  fileName,
  isMessage,
  type Part,
  unpackMessage,
  weightOf,
} from '../../../mail/mime/index.ts'
import type { Part as File } from '../../attachments/reader.ts'

/** Something to be inspected. */
export interface Piece extends File {
  /** A file to people, rather than the text of the message. */
  readonly isFile: boolean
  /** What decoding showed that programs read differently. */
  readonly ambiguous: readonly AnomalyKind[]
}

const NOTHING = Buffer.alloc(0)

/**
 * All that a message holds, decoded, in its order, one piece at a time: texts too, attached messages as a
 * whole. What is decoded is never larger than what it is decoded from.
 */
export function* piecesOf(message: Buffer, root: Part): Generator<Piece> {
  const left: Part[] = [root]
  for (let part = left.pop(); part !== undefined; part = left.pop()) {
    if (isMessage(part) || part.children.length === 0) {
      yield pieceOf(message, part)
      yield* otherNames(part)
      continue
    }
    if (part.type.full === 'multipart/encrypted') yield ENCRYPTED
    left.push(...part.children.toReversed())
  }
}

/** RFC 1847 section 2.2: said by its type, whatever its parts are. */
const ENCRYPTED: Piece = {
  filename: 'encrypted message',
  declaredType: 'multipart/encrypted',
  bytes: NOTHING,
  isFile: true,
  ambiguous: [],
}

function pieceOf(message: Buffer, part: Part): Piece {
  const isFile = !isBodyText(part)
  const { bytes, flaws } = decodeBody(message, part, message.length)
  return {
    filename: nameOf(part, isFile),
    declaredType: part.type.full,
    bytes: isFile || !isWide(part) ? bytes : Buffer.from(decodeTextBody(message, part, message.length).text),
    isFile,
    ambiguous: [...flaws, ...kindsWithin(message, part)].filter((kind) => weightOf(kind) === 'ambiguous'),
  }
}

/** The structure of an encoded message is not part of the tree. */
function kindsWithin(message: Buffer, part: Part): readonly AnomalyKind[] {
  const unpacked = unpackMessage(message, part, message.length)
  return unpacked?.mime.anomalies.map(({ kind }) => kind) ?? []
}

/** Text that readers show, and no file. */
export const isBodyText = ({ type, fileNames, disposition }: Part): boolean =>
  (type.full === 'text/plain' || type.full === 'text/html') && fileNames.length === 0 && disposition !== 'attachment'

/** What stands in it would not be found as bytes. */
const isWide = ({ charset }: Part): boolean => charset?.startsWith('utf-16') ?? false

function nameOf(part: Part, isFile: boolean): string | null {
  if (!isFile) return 'message text'
  return fileName(part) ?? (isMessage(part) ? 'attached message' : null)
}

/** Readers differ on which of several names they show: each is judged. */
function* otherNames(part: Part): Generator<Piece> {
  const shown = fileName(part)
  for (const { text } of part.fileNames.slice(1)) {
    if (text !== shown) yield { filename: text, declaredType: null, bytes: NOTHING, isFile: false, ambiguous: [] }
  }
}

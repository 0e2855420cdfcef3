import { type AnomalyKind, MIME_LIMITS, type Mime, readMime } from '../../../mail/mime/index.ts'
import { asciiName } from '../../attachments/blocked/characters.ts'
import { type BlockList, DEFAULT_BLOCKED } from '../../attachments/blocked/list.ts'
import { createBudget } from '../../attachments/budget.ts'
import { inspectPart, type PartVerdict, type Place } from '../../attachments/inspect.ts'
import type { Limits } from '../../attachments/limits.ts'
import { reasonFor } from '../../attachments/words.ts'
import { type Findings, type Found, Gathering } from './findings.ts'
import { piecesOf } from './pieces.ts'

/** How a message is examined. Plain data: it travels between threads. */
export interface Examination {
  readonly limits: Limits
  /** Null: the default, which need not travel. */
  readonly blocked: BlockList | null
  readonly maxParts: number
  readonly maxPartDepth: number
}

/** Takes a message apart and judges all of it, within the bounds. Throws nothing that a message can bring about. */
export function examine(message: Buffer, examination: Examination): Findings {
  const { maxParts, maxPartDepth } = examination
  const mime = readMime(message, { ...MIME_LIMITS, parts: maxParts, depth: maxPartDepth })
  return examineParts(message, mime, examination)
}

/** The same for a message whose structure is known. */
export function examineParts(message: Buffer, mime: Mime, { limits, blocked }: Examination): Findings {
  const options = { limits, blocked: blocked ?? DEFAULT_BLOCKED }
  const budget = createBudget(limits)
  const gathering = new Gathering()
  const ambiguous = new Set<AnomalyKind>()
  for (const { kind, weight } of mime.anomalies) if (weight === 'ambiguous') ambiguous.add(kind)
  for (const piece of piecesOf(message, mime.root)) {
    const verdict = inspectPart(piece, options, budget)
    for (const kind of piece.ambiguous) ambiguous.add(kind)
    gathering.parts += 1
    if (piece.isFile) gathering.addFile({ path: verdict.path, format: verdict.format, state: verdict.state })
    for (const found of foundIn(verdict)) gathering.add(found)
  }
  if (ambiguous.size > 0) gathering.add(ambiguity([...ambiguous]))
  return gathering.findings
}

function* foundIn(verdict: PartVerdict): Generator<Found> {
  for (const place of verdict.findings) {
    const { state, path, format, facts } = place
    const reason = reasonFor({ ...place, path: [path] })
    if (state !== 'clean' && reason !== null) yield { check: state, path, format, why: facts.join('; '), reason }
  }
  for (const { rule, path, what, reason } of verdict.blocked) {
    yield { check: 'blocked', path, format: rule, why: what, reason }
  }
  for (const place of verdict.unread) yield unread(place)
}

function unread({ path, format, facts }: Place): Found {
  const why = facts.join('; ')
  const reason =
    `The attachment "${asciiName(path)}" cannot be checked for viruses (${format}: ${asciiName(why)}). ` +
    'Send its files by themselves, or in an ordinary ZIP archive.'
  return { check: 'unread', path, format, why, reason }
}

function ambiguity(kinds: readonly AnomalyKind[]): Found {
  const why = kinds.slice(0, 10).join(', ')
  const reason =
    `The message is built in a way that mail programs read differently (${why}), so it cannot be checked. ` +
    'Write it anew in an ordinary mail program, and send it again.'
  return { check: 'ambiguous', path: null, format: 'message', why, reason }
}

/** What is found of a message that nobody reads, because it is too large. */
export function tooLarge(bytes: number, most: number): Findings {
  const gathering = new Gathering()
  const why = `over ${most} bytes`
  const reason = `The message is too large to be checked for viruses: it has ${bytes} bytes, and ${most} are allowed. Send it in parts.`
  gathering.add({ check: 'suspicious', path: null, format: 'message', why, reason })
  return gathering.findings
}

import { leaves, MIME_LIMITS, type Mime, readMime } from '../../../mail/mime/index.ts'
import { type Examination, examineParts } from './examine.ts'
import type { Findings } from './findings.ts'
import { isBodyText } from './pieces.ts'

/** Larger messages go to a thread. */
const MOST_BYTES = 64 * 1024
const MOST_PARTS = 20
/** Some two milliseconds at the very worst. */
const MOST_WORK = 1_000_000

/**
 * The findings for a small message that holds nothing but its text, so that such mail need not wait for a
 * thread; null for any other, and wherever there is anything to find. It is the same examination with
 * tighter bounds: what is clean within these is clean within wider ones.
 */
export function examineAtOnce(message: Buffer, examination: Examination): Findings | null {
  if (message.length > MOST_BYTES) return null
  const { maxParts, maxPartDepth } = examination
  const mime = readMime(message, { ...MIME_LIMITS, parts: Math.min(maxParts, MOST_PARTS), depth: maxPartDepth })
  if (!isText(mime)) return null
  const findings = examineParts(message, mime, { ...examination, limits: tighter(examination) })
  return findings.found.length === 0 ? findings : null
}

function isText({ root, complete, anomalies }: Mime): boolean {
  if (!complete || anomalies.some(({ weight }) => weight === 'ambiguous')) return false
  for (const part of leaves(root)) if (!isBodyText(part)) return false
  return true
}

const tighter = ({ limits }: Examination): Examination['limits'] => ({
  ...limits,
  maxWork: Math.min(limits.maxWork, MOST_WORK),
  maxBytes: Math.min(limits.maxBytes, MOST_BYTES),
  maxSpins: 0,
  maxLzmaBytes: 0,
})

import type { Content } from '../../../mail/content.ts'
import { fileName, leaves, type Part, readMimeContent, splice } from '../../../mail/mime/index.ts'
import { asMessage } from './alone.ts'
import { notice } from './notice.ts'
import type { Scan } from './sample.ts'

/** What was taken out, and what is left. */
export interface Removal {
  /** Names of the attachments, as readers show them; null for one without a name. */
  readonly names: readonly (string | null)[]
  /** The message with a notice in the place of each. Clean. */
  readonly content: Content
}

/** A message with more parts is not taken apart part by part. */
const MOST_PARTS = 50

/**
 * Takes out the attachments in which there is a virus. Null where that cannot be done: the virus is in
 * no single attachment, the message is signed or cannot be understood, or what would be left is not
 * clean. Rejects as `scan` does.
 */
export async function removeInfected(content: Content, scan: Scan): Promise<Removal | null> {
  const { root, complete } = await readMimeContent(content)
  const parts = [...leaves(root)]
  if (!complete || parts.length > MOST_PARTS) return null
  const infected: { readonly part: Part; readonly virus: string }[] = []
  for (const part of parts.filter(isRemovable)) {
    const result = await scan(asMessage(content, part))
    if (!result.clean) infected.push({ part, virus: result.virus })
  }
  if (infected.length === 0) return null
  const edits = infected.map(({ part, virus }) => {
    return { start: part.headerStart, end: part.bodyEnd, bytes: notice(fileName(part), virus) }
  })
  const left = splice(content, edits)
  return (await scan(left)).clean ? { names: infected.map(({ part }) => fileName(part)), content: left } : null
}

/** Not the message itself, and nothing that a signature covers: it would look forged, not cleaned. */
function isRemovable(part: Part): boolean {
  for (let above = part.parent; above !== null; above = above.parent) {
    if (SEALED.has(above.type.full)) return false
  }
  return part.parent !== null
}

const SEALED: ReadonlySet<string> = new Set(['multipart/signed', 'multipart/encrypted'])

import type { Content } from '../../content.ts'
import type { Part, PartField } from '../part.ts'
import { type Edit, readSpans } from '../slices.ts'
import type { Addition } from './addition.ts'
import { startOf } from './bodies.ts'
import type { Place } from './body.ts'
import { toQuotedPrintable } from './transfer.ts'

const CRLF = '\r\n'

/** The text as a part of its own, header and body, without a line end behind. */
const partOf = ({ text }: Addition): string =>
  [
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: quoted-printable',
    'Content-Disposition: inline',
    '',
    toQuotedPrintable(Buffer.from(text)).toString('latin1'),
  ].join(CRLF)

/**
 * Puts a text beside a body that cannot hold it: as a neighbour in a multipart/mixed, or in a new one
 * around the body. No byte of the body or its header changes; a header of the message itself gets a
 * new Content-Type, and its old MIME fields move to the body.
 */
export async function besideBody(
  content: Content,
  body: Part,
  addition: Addition,
  place: Place,
  boundary: string,
): Promise<readonly Edit[]> {
  const target = outermost(body)
  if (target.parent === null) return aroundRoot(content, target, addition, place, boundary)
  const { parent } = target
  const outer = parent.type.full === 'multipart/mixed' ? parent.boundary : null
  const end = (await breakFollows(content, target)) ? '' : CRLF
  return outer === null
    ? around(target, addition, place, boundary, end)
    : [neighbour(target, addition, place, outer, end)]
}

/** The root of a multipart/related must stay what it is: the related as a whole is the body. */
function outermost(body: Part): Part {
  const { parent } = body
  return parent?.type.full === 'multipart/related' && startOf(parent) === body ? outermost(parent) : body
}

/** Whether a line end stands between a part and the boundary after it: an empty part may lack it. */
async function breakFollows(content: Content, { bodyEnd }: Part): Promise<boolean> {
  const [after] = await readSpans(content, [{ start: bodyEnd, end: bodyEnd + 2 }])
  return after?.toString('latin1') === CRLF
}

const put = (at: number, text: string): Edit => ({ start: at, end: at, bytes: Buffer.from(text, 'latin1') })

function neighbour(part: Part, addition: Addition, place: Place, boundary: string, end: string): Edit {
  const own = partOf(addition)
  return place === 'top'
    ? put(part.headerStart, `${own}${CRLF}--${boundary}${CRLF}`)
    : put(part.bodyEnd, `${CRLF}--${boundary}${CRLF}${own}${end}`)
}

const typeField = (boundary: string): string => `Content-Type: multipart/mixed;${CRLF} boundary="${boundary}"${CRLF}`

function around(part: Part, addition: Addition, place: Place, boundary: string, end: string): readonly Edit[] {
  const next = `--${boundary}${CRLF}`
  const own = partOf(addition)
  const [before, after] = place === 'top' ? [`${own}${CRLF}${next}`, ''] : ['', `${CRLF}${next}${own}`]
  return [
    put(part.headerStart, `${typeField(boundary)}${CRLF}${next}${before}`),
    put(part.bodyEnd, `${after}${CRLF}--${boundary}--${end}`),
  ]
}

async function aroundRoot(
  content: Content,
  root: Part,
  addition: Addition,
  place: Place,
  boundary: string,
): Promise<readonly Edit[]> {
  const moving = root.fields.filter(isMoved)
  const moved = await readSpans(content, moving)
  const next = `--${boundary}${CRLF}`
  const own = `${partOf(addition)}${CRLF}`
  const [before, after] = place === 'top' ? [`${own}${next}`, ''] : ['', `${next}${own}`]
  const fields = moved.map((field) => field.toString('latin1')).join('')
  return [
    ...movedAway(root, moving, boundary),
    put(root.bodyStart, `${next}${before}${fields}${CRLF}`),
    put(root.bodyEnd, `${CRLF}${after}--${boundary}--${CRLF}`),
  ]
}

const isMoved = ({ name }: PartField): boolean => name !== 'mime-version'

/** The new type takes the place of the first field that moves. */
function movedAway({ fields, bodyStart }: Part, moving: readonly PartField[], boundary: string): readonly Edit[] {
  const version = fields.length > moving.length ? '' : `MIME-Version: 1.0${CRLF}`
  const type = Buffer.from(version + typeField(boundary))
  if (moving.length === 0) return [{ start: bodyStart - 2, end: bodyStart - 2, bytes: type }]
  return moving.map(({ start, end }, i) => ({ start, end, bytes: i === 0 ? type : Buffer.alloc(0) }))
}

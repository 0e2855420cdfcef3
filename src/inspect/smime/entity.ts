import type { HeaderField } from '../../mail/header.ts'
import { formatField } from '../fields.ts'
import { bytesOf, type Halves, rewritten } from './header.ts'

/** RFC 2045 section 3: what describes the body, and goes with it. */
export const isContentField = ({ name }: HeaderField): boolean => /^(content-.*|mime-version)$/i.test(name)

const isNamed =
  (...names: readonly string[]) =>
  ({ name }: HeaderField): boolean =>
    names.includes(name.toLowerCase())

const isSubject = isNamed('subject')
const isType = isNamed('content-type')

/** The baseline of RFC 9788 section 3.2.1 hides these, and programs write the subject into the others again. */
const TELLING = isNamed('comments', 'keywords', 'thread-topic', 'original-subject', 'x-original-subject')

/** RFC 5322 sections 3.6.1 to 3.6.5, and what a reader is shown beside them. Not Bcc. */
const PROTECTED = isNamed(
  ...['date', 'from', 'sender', 'reply-to', 'to', 'cc', 'message-id', 'in-reply-to', 'references', 'subject'],
  ...['importance', 'priority', 'x-priority', 'sensitivity', 'auto-submitted'],
  ...['comments', 'keywords', 'thread-topic', 'original-subject', 'x-original-subject'],
)

/** The fields that stay outside, in clear: all but those of the body. `subject` replaces what the message is about. */
export function outerHeader({ header }: Halves, subject: string | null): Buffer {
  let replaced = subject === null
  const kept = rewritten(header, (field) => {
    if (isContentField(field)) return null
    if (subject === null) return undefined
    if (TELLING(field)) return null
    if (!isSubject(field)) return undefined
    const first = !replaced
    replaced = true
    return first ? subjectField(subject) : null
  })
  // nobody shall see that a message had no subject
  return replaced ? kept : Buffer.concat([kept, subjectField(subject ?? '')])
}

const subjectField = (subject: string): Buffer => Buffer.from(formatField('Subject', subject))

/**
 * The MIME entity that is encrypted: the fields of the body as they were, and the body. Where the subject
 * outside is another, the true fields come along (RFC 9788): readers that know it show them.
 */
export function innerEntity(halves: Halves, subject: string | null): Buffer {
  const { header, body } = halves
  const content = header.fields.filter((field) => isContentField(field) && !isNamed('mime-version')(field))
  const fields = content.map((field) => bytesOf(header, field))
  if (subject === null) {
    const known = content.some(isType) ? [] : [Buffer.from('Content-Type: text/plain\r\n')]
    return Buffer.concat([...known, ...fields, CRLF, body])
  }
  return Buffer.concat([...protectedFields(halves, subject), ...marked(content, fields), CRLF, body])
}

const CRLF = Buffer.from('\r\n')

/** Section 2.2: copies of what is protected, and of what stands outside in their place. */
function protectedFields({ header }: Halves, subject: string): Buffer[] {
  const covered = header.fields.filter(PROTECTED)
  const copies = covered.map((field) => bytesOf(header, field))
  const outside = covered.filter((field) => !isSubject(field) && !TELLING(field))
  const seen = outside.map((field) => Buffer.concat([HP_OUTER, bytesOf(header, field)]))
  return [...copies, ...seen, Buffer.concat([HP_OUTER, subjectField(subject)])]
}

const HP_OUTER = Buffer.from('HP-Outer: ')
const MARK = Buffer.from(';\r\n hp="cipher"\r\n')

/** Section 2.1.1: the parameter that says so, on the entity's own Content-Type. */
function marked(content: readonly HeaderField[], fields: readonly Buffer[]): Buffer[] {
  const at = content.findIndex(isType)
  const own = fields[at]
  if (own === undefined) return [...fields, Buffer.concat([Buffer.from('Content-Type: text/plain'), MARK])]
  return fields.with(at, Buffer.concat([own.subarray(0, endOfValue(own)), MARK]))
}

const SKIPPED = new Set([...Buffer.from(' \t\r\n;')])

/** Without white space and semicolons at the end, after which a parameter would be empty. */
function endOfValue(field: Buffer): number {
  let end = field.length
  while (end > 0 && SKIPPED.has(field[end - 1] ?? 0)) end--
  return end
}

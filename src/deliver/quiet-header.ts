import { type HeaderField, parseHeader } from '../mail/header.ts'

// What tells a sender which message it is, and a reader what kind of message it was; nothing that was written in it
const KEPT: ReadonlySet<string> = new Set([
  'from',
  'to',
  'cc',
  'date',
  'message-id',
  'received',
  'mime-version',
  'content-transfer-encoding',
  'auto-submitted',
])

/**
 * The header of a sensitive message as it may go back to its sender: without subject, comments, keywords and
 * whatever else may speak of the content; of its media type only the type, for names of files stand in
 * its parameters. `header` ends before the empty line.
 */
export function quietHeader(header: Buffer): Buffer {
  const { fields, bytes } = parseHeader(header)
  return Buffer.concat(fields.map((field) => quietField(field, bytes)))
}

function quietField({ name, value, start, end }: HeaderField, bytes: Buffer): Buffer {
  const lower = name.toLowerCase()
  if (KEPT.has(lower)) return bytes.subarray(start, end)
  const [type] = /^[a-z0-9.+-]+\/[a-z0-9.+-]+/i.exec(lower === 'content-type' ? value : '') ?? []
  return Buffer.from(type === undefined ? '' : `${name}: ${type}\r\n`)
}

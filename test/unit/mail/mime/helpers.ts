import type { AnomalyKind } from '../../../../src/mail/mime/anomaly.ts'
import { MIME_LIMITS, type MimeLimits } from '../../../../src/mail/mime/limits.ts'
import { type Part, walk } from '../../../../src/mail/mime/part.ts'
import { type Mime, MimeReader, readMime } from '../../../../src/mail/mime/reader.ts'

/** Lines as they travel. */
export const crlf = (text: string): string => text.replaceAll(/\r?\n/g, '\r\n')

export const bytesOf = (text: string): Buffer => Buffer.from(crlf(text), 'latin1')

export const read = (text: string, limits: Partial<MimeLimits> = {}): Mime =>
  readMime(bytesOf(text), { ...MIME_LIMITS, ...limits })

export const kinds = (mime: Mime): AnomalyKind[] => [...new Set(mime.anomalies.map(({ kind }) => kind))].sort()

/** `1 multipart/mixed`, one line a part. */
export const outline = (mime: Mime): string[] => [...walk(mime.root)].map(({ path, type }) => `${path} ${type.full}`)

/** The same in pieces. */
export function readInPieces(bytes: Buffer, size: number, limits: MimeLimits = MIME_LIMITS): Mime {
  const reader = new MimeReader(limits)
  // each piece in memory of its own, as from a socket
  for (let at = 0; at < bytes.length; at += size) reader.push(Buffer.from(bytes.subarray(at, at + size)))
  return reader.end()
}

/** All that can be seen of a structure, for comparison. */
export function plain({ root, anomalies, complete, size }: Mime): unknown {
  const parts = [...walk(root)].map((part: Part) => ({
    path: part.path,
    at: [part.headerStart, part.bodyStart, part.bodyEnd],
    type: part.type.full,
    encoding: part.encoding,
    fields: part.fields.map(({ name, value, start, end }) => [name, value, start, end]),
    close: part.close,
  }))
  return { parts, anomalies, complete, size }
}

import assert from 'node:assert/strict'
import { type Content, memoryContent, readAll } from '../../../../../src/mail/content.ts'
import { decodeBody } from '../../../../../src/mail/mime/decode.ts'
import { type Addition, makeAddition } from '../../../../../src/mail/mime/insert/addition.ts'
import { type InsertOptions, insertText, type LeftAlone } from '../../../../../src/mail/mime/insert/insert.ts'
import { type Part, walk } from '../../../../../src/mail/mime/part.ts'
import { type Mime, readMime } from '../../../../../src/mail/mime/reader.ts'

export const OPTIONS: InsertOptions = { place: 'bottom', once: true, maxText: 1_000_000 }

export const LINES = ['-- ', 'This email is confidential.', 'If it is not for you, tell the sender.']
export const TAGLINE: Addition = makeAddition(LINES.join('\n'), null, 'postern-tagline')
export const TEXT = LINES.join('\r\n')

/** Content that is not in memory, and comes in pieces. */
export const streamed = (bytes: Buffer, piece: number): Content => ({
  size: bytes.length,
  bytes: null,
  async *stream() {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece)
  },
})

function boundaries(): () => string {
  let made = 0
  return () => `=_${made++ === 0 ? '' : made}new`
}

/** What became of a message; a reason where nothing did. Streamed content must give the same. */
export async function put(
  message: Buffer | string,
  options: Partial<InsertOptions> = {},
  addition = TAGLINE,
): Promise<Buffer | LeftAlone> {
  const bytes = typeof message === 'string' ? Buffer.from(message, 'latin1') : message
  const all = () => ({ ...OPTIONS, boundary: boundaries(), ...options })
  const inserted = await insertText(memoryContent(bytes), addition, all())
  const again = await insertText(streamed(bytes, 61), addition, all())
  if ('leftAlone' in inserted) {
    assert.deepEqual(again, inserted)
    return inserted.leftAlone
  }
  assert.ok('content' in again)
  const found = await readAll(inserted.content, 10_000_000)
  assert.equal(again.content.bytes, null, 'content in a file stays there')
  assert.ok((await readAll(again.content, 10_000_000)).equals(found), 'streamed as in memory')
  assert.equal(found.length, inserted.content.size)
  assert.equal(found.length, again.content.size)
  return found
}

/** The message afterwards, of which it must be sure that something became. */
export async function putInto(
  message: Buffer | string,
  options: Partial<InsertOptions> = {},
  addition = TAGLINE,
): Promise<{ readonly bytes: Buffer; readonly text: string; readonly mime: Mime }> {
  const bytes = await put(message, options, addition)
  assert.ok(Buffer.isBuffer(bytes), String(bytes))
  return { bytes, text: bytes.toString('latin1'), mime: readMime(bytes) }
}

export function partAt(mime: Mime, path: string): Part {
  const found = [...walk(mime.root)].find((part) => part.path === path)
  assert.ok(found, path)
  return found
}

/** The decoded content of a part. */
export const contentAt = ({ bytes, mime }: { readonly bytes: Buffer; readonly mime: Mime }, path: string): Buffer =>
  decodeBody(bytes, partAt(mime, path), 10_000_000).bytes

export const rawOf = (bytes: Buffer, part: Part): string => bytes.toString('latin1', part.headerStart, part.bodyEnd)

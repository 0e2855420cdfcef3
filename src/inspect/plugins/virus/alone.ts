import { type Content, memoryContent, prefixedContent } from '../../../mail/content.ts'
import { bodyDecoder, type Part, spanChunks } from '../../../mail/mime/index.ts'

/** The part as a message of its own, with the header that it has. */
export function asMessage(content: Content, { headerStart: start, bodyEnd: end }: Part): Content {
  return prefixedContent(HEAD, slice(content, start, end))
}

/** The body of a part as a message of its own, whose header says nothing but how it is encoded. */
export function bodyAsMessage(content: Content, { bodyStart, bodyEnd, encoding }: Part): Content {
  const named = encoding === 'uuencode' ? 'x-uuencode' : encoding === 'unknown' ? '8bit' : encoding
  const head = `${HEAD}Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: ${named}\r\n\r\n`
  return prefixedContent(Buffer.from(head), slice(content, bodyStart, bodyEnd))
}

const HEAD = Buffer.from('MIME-Version: 1.0\r\n')

/** The body of a part with its encoding undone, all of it, whatever is wrong with it. Read once to know its size. */
export async function decodedBody(content: Content, part: Part): Promise<Content> {
  const span = slice(content, part.bodyStart, part.bodyEnd)
  async function* stream(): AsyncGenerator<Buffer> {
    const decoder = bodyDecoder(part.encoding)
    for await (const chunk of pieces(span)) yield decoder.push(chunk)
    yield decoder.end()
  }
  let size = 0
  for await (const chunk of stream()) size += chunk.length
  return { size, bytes: null, stream }
}

const PIECE = 65_536

/** In pieces that are decoded at once, so that others get their turn in between. */
async function* pieces(content: Content): AsyncGenerator<Buffer> {
  for await (const chunk of content.stream()) {
    for (let at = 0; at < chunk.length; at += PIECE) {
      yield chunk.subarray(at, at + PIECE)
      await new Promise(setImmediate)
    }
  }
}

function slice(content: Content, start: number, end: number): Content {
  if (content.bytes !== null) return memoryContent(content.bytes.subarray(start, end))
  return {
    size: end - start,
    bytes: null,
    async *stream() {
      for await (const { chunk } of spanChunks(content, [{ start, end }])) yield chunk
    },
  }
}

/** Whether there is more base64 after padding, where some decoders stop and others go on. */
export async function hasMoreAfterPadding(content: Content, { bodyStart, bodyEnd }: Part): Promise<boolean> {
  let padded = false
  for await (const chunk of slice(content, bodyStart, bodyEnd).stream()) {
    const padding = padded ? 0 : chunk.indexOf(PAD)
    if (padding < 0) continue
    padded = true
    if (BASE64.test(chunk.toString('latin1', padding))) return true
  }
  return false
}

const PAD = 0x3d
const BASE64 = /[A-Za-z0-9+/]/

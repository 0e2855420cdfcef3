import { type Content, memoryContent } from '../content.ts'

/** Bytes from `start` to `end` are to be replaced by others; where both are the same, those are put in. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly bytes: Buffer
}

/**
 * Content with some of its bytes replaced, and every other as it was. `edits` in order, not
 * overlapping. What is in a file is neither read nor copied here, but streams by. Throws RangeError
 * for edits out of order or out of bounds.
 */
export function splice(content: Content, edits: readonly Edit[]): Content {
  if (edits.length === 0) return content
  let size = content.size
  let from = 0
  for (const { start, end, bytes } of edits) {
    if (start < from || end < start || end > content.size) throw new RangeError('edits overlap or are out of bounds')
    size += bytes.length - (end - start)
    from = end
  }
  if (content.bytes !== null) return memoryContent(Buffer.concat([...spliced(content.bytes, edits)], size))
  return { size, bytes: null, stream: () => splicedStream(content, edits) }
}

function* spliced(bytes: Buffer, edits: readonly Edit[]): Generator<Buffer> {
  let from = 0
  for (const edit of edits) {
    yield bytes.subarray(from, edit.start)
    yield edit.bytes
    from = edit.end
  }
  yield bytes.subarray(from)
}

async function* splicedStream(content: Content, edits: readonly Edit[]): AsyncGenerator<Buffer> {
  const left = [...edits]
  let base = 0
  /** Up to here the old bytes are done with. */
  let from = 0
  for await (const chunk of content.stream()) {
    const end = base + chunk.length
    for (let edit = left[0]; edit !== undefined && edit.start <= end; edit = left[0]) {
      if (edit.start > from) yield chunk.subarray(from - base, edit.start - base)
      if (edit.bytes.length > 0) yield edit.bytes
      from = edit.end
      left.shift()
      if (edit.end > end) break
    }
    if (from < end) {
      yield chunk.subarray(Math.max(0, from - base))
      from = end
    }
    base = end
  }
  // an edit at the very end of content without a byte
  for (const { bytes } of left) yield bytes
}

export interface Span {
  readonly start: number
  readonly end: number
}

/** The bytes of each span, which are in order and do not overlap, in one pass over the content. The caller bounds their size. */
export async function readSpans(content: Content, spans: readonly Span[]): Promise<readonly Buffer[]> {
  const { bytes } = content
  if (bytes !== null) return spans.map(({ start, end }) => bytes.subarray(start, end))
  const found: Buffer[][] = spans.map(() => [])
  for await (const { index, chunk } of spanChunks(content, spans)) found[index]?.push(chunk)
  return found.map((chunks) => Buffer.concat(chunks))
}

/** The bytes of spans as they stream by; `index` says of which. Spans are in order and do not overlap. Stops reading after the last. */
export async function* spanChunks(
  content: Content,
  spans: readonly Span[],
): AsyncGenerator<{ readonly index: number; readonly chunk: Buffer }> {
  let base = 0
  let index = 0
  for await (const chunk of content.stream()) {
    const end = base + chunk.length
    for (let span = spans[index]; span !== undefined && span.start < end; span = spans[index]) {
      const piece = chunk.subarray(Math.max(0, span.start - base), span.end - base)
      if (piece.length > 0) yield { index, chunk: piece }
      if (span.end > end) break
      index++
    }
    if (index >= spans.length) return
    base = end
  }
}

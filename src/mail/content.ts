const NOT_PLAIN = /\r(?!\n)|(?<!\r)\n|(?:^|\n)\./

/**
 * The bytes of a message, header and body, with CRLF line ends, not dot-stuffed.
 * Re-readable as often as wanted. Small ones lie in memory, large ones in a file.
 */
export interface Content {
  /** Bytes. */
  readonly size: number
  /** All bytes, where they are in memory; null where they are not. */
  readonly bytes: Buffer | null
  /** True: whoever took it saw every line end in CRLF, and none open with a dot. Left out where nobody looked. */
  readonly plainLines?: boolean
  /**
   * The bytes in order. Each call starts anew. With `lent` a chunk's memory may be used for the next one: who asks
   * for that, or ends the reading, has no more use of the last chunk.
   */
  stream(how?: 'lent'): AsyncIterable<Buffer>
}

/**
 * Told of memory whose loan has ended, before anybody else uses it. For tests, which overwrite it at once: then
 * whoever looks at it still is found out, and not only where another message happens to come in between.
 */
export type OnFreed = (memory: Buffer) => void

/** Content that lies in memory; `plainLines` as Content has it. */
export function memoryContent(bytes: Buffer, plainLines = false): Content {
  return {
    size: bytes.length,
    bytes,
    plainLines,
    async *stream() {
      if (bytes.length > 0) yield bytes
    },
  }
}

/** `head` in front of `rest`, without copying what is in a file. */
export function prefixedContent(head: Buffer, rest: Content): Content {
  if (head.length === 0) return rest
  if (rest.bytes !== null) return memoryContent(Buffer.concat([head, rest.bytes]), arePlainLines(head, rest))
  return {
    size: head.length + rest.size,
    bytes: null,
    plainLines: arePlainLines(head, rest),
    async *stream(how) {
      yield head
      yield* rest.stream(how)
    },
  }
}

/** Whether `rest` is still known to be plain lines with `head`, lines that are few, in front of it. */
export function arePlainLines(head: Buffer, rest: Content): boolean {
  if (rest.plainLines !== true) return false
  const text = head.toString('latin1')
  return text.endsWith('\r\n') && !NOT_PLAIN.test(text)
}

/** Every byte in one buffer. Only for content whose size the caller has bounded: throws RangeError over `limit` bytes. */
export async function readAll(content: Content, limit: number): Promise<Buffer> {
  if (content.size > limit) throw new RangeError(`content of ${content.size} bytes is over the limit of ${limit}`)
  if (content.bytes !== null) return content.bytes
  const chunks: Buffer[] = []
  for await (const chunk of content.stream()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

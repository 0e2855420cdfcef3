import { isAscii } from 'node:buffer'
import { needsUtf8 } from '../../mail/address.ts'
import type { Content } from '../../mail/content.ts'
import type { Envelope } from '../../mail/envelope.ts'
import type { Extensions } from './hello.ts'

/** What decides which extensions a message needs. */
export interface Facts {
  /** Bytes, before dots are doubled. */
  readonly size: number
  /** Whether a byte is above 127. For content in a file this is what the sender declared, unless it had to be read. */
  readonly eightBit: boolean
  /** Whether a byte of the header is above 127. True unless it is known not to be. */
  readonly utf8Header: boolean
}

const HEADER_END = Buffer.from('\r\n\r\n')

/** Whether anything about the envelope needs SMTPUTF8 (RFC 6531 section 3.4), as far as is known without the header. */
export const isInternational = (envelope: Envelope): boolean =>
  envelope.smtputf8 ||
  (envelope.mailFrom !== null && needsUtf8(envelope.mailFrom)) ||
  envelope.rcptTo.some(({ address }) => needsUtf8(address))

/**
 * Finds the facts. Content in memory is looked at; a file is read only where the peer lacks an
 * extension that the message may need, which is rare. Rejects if the file cannot be read.
 */
export function factsOf(envelope: Envelope, content: Content, extensions: Extensions): Facts | Promise<Facts> {
  const { size, bytes } = content
  if (bytes !== null) {
    const eightBit = !isAscii(bytes)
    return { size, eightBit, utf8Header: eightBit && !isAscii(headerOf(bytes)) }
  }
  const carried = extensions.has('8BITMIME') && (extensions.has('SMTPUTF8') || !isInternational(envelope))
  return carried ? { size, eightBit: envelope.body === '8bitmime', utf8Header: true } : readFacts(content)
}

function headerOf(bytes: Buffer): Buffer {
  const end = bytes.indexOf(HEADER_END)
  return end < 0 ? bytes : bytes.subarray(0, end)
}

async function readFacts(content: Content): Promise<Facts> {
  let eightBit = false
  let utf8Header = false
  let inHeader = true
  let tail = Buffer.alloc(0)
  for await (const chunk of content.stream()) {
    const plain = isAscii(chunk)
    if (inHeader) {
      // The end of the header may lie across two chunks
      const joined = Buffer.concat([tail, chunk])
      const header = headerOf(joined)
      if (!plain && !isAscii(header)) utf8Header = true
      inHeader = header.length === joined.length
      tail = Buffer.from(joined.subarray(-HEADER_END.length + 1))
    }
    eightBit ||= !plain
    if (eightBit && !inHeader) break
  }
  return { size: content.size, eightBit, utf8Header }
}

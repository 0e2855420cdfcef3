/** Text that a reader cannot see, or sees as another's. */
const INVISIBLE = /[\p{Cf}\p{Cc}\p{Mn}]/gu

/** Text as a reader takes it: compatibility forms as plain ones, nothing invisible, in lower case. */
export const plainText = (text: string): string => text.normalize('NFKD').replace(INVISIBLE, '').toLowerCase()

/** A person's name for comparison: its words, in no order, without marks. `Smith, Jane` is `Jane Smith`. */
export const nameKey = (name: string): string => (plainText(name).match(/[\p{L}\p{N}]+/gu) ?? []).sort().join(' ')

const WORD = /=\?([^?\s]{1,40})\?([bq])\?([^?\s]*)\?=/gi

/** Text with its encoded words (RFC 2047) read; one that cannot be is left as it stands. */
export function decodeWords(text: string): string {
  // section 6.2: white space between two of them is no part of the text
  return text
    .replace(/(\?=)[ \t]+(?==\?)/g, '$1')
    .replace(WORD, (whole, charset: string, encoding: string, data: string) => decode(charset, encoding, data) ?? whole)
}

function decode(charset: string, encoding: string, data: string): string | null {
  try {
    // RFC 2231 section 5: a language may follow the charset
    const decoder = new TextDecoder(charset.replace(/\*.*/, ''))
    return decoder.decode(encoding.toLowerCase() === 'b' ? Buffer.from(data, 'base64') : fromQ(data))
  } catch {
    return null
  }
}

/** RFC 2047 section 4.2. */
const fromQ = (data: string): Buffer =>
  Buffer.from(
    data.replaceAll('_', ' ').replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    'latin1',
  )

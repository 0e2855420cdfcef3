import { TextDecoder } from 'node:util'
import { decoderFor } from '../charset.ts'

/** Writes text in a character set. Null where it has not all of the characters. */
export type CharsetEncoder = (text: string) => Buffer | null

/**
 * An encoder for a character set in which ASCII is ASCII; null for others and unknown ones. UTF-8 and
 * all sets of single bytes have all of their characters; those of several bytes only ASCII.
 * Null as label is us-ascii.
 */
export function encoderFor(label: string | null): CharsetEncoder | null {
  if (label === null || ASCII_NAMES.has(label)) return toAscii
  const decoder = decoderFor(label)
  if (decoder === null) return null
  const name = decoder.encoding.toLowerCase()
  if (name === 'utf-8') return (text) => Buffer.from(text)
  if (name.startsWith('utf-16') || name === 'replacement' || name === 'x-user-defined') return null
  if (!SINGLE.test(name)) return toAscii
  // the standard reads ISO 8859-1 as windows-1252, and some more alike; what differs is not used
  const from = DISGUISED.test(name) && !DISGUISED_LABEL.test(label) ? 0xa0 : 0x80
  return singleByte(name, from)
}

const ASCII_NAMES: ReadonlySet<string> = new Set(
  'us-ascii ascii ansi_x3.4-1968 ansi_x3.4-1986 iso646-us iso_646.irv:1991 iso-ir-6 cp367 ibm367 646 us csascii'.split(
    ' ',
  ),
)
const SINGLE = /^(?:iso-8859-\d+(?:-i)?|windows-\d+|koi8-[ru]|macintosh|x-mac-cyrillic|ibm866)$/
const DISGUISED = /^windows-(?:1252|1254|874)$/
const DISGUISED_LABEL = /1252|1254|874/

// biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range
const toAscii: CharsetEncoder = (text) => (/^[\x00-\x7f]*$/.test(text) ? Buffer.from(text, 'latin1') : null)

const tables = new Map<string, ReadonlyMap<string, number>>()

function singleByte(name: string, from: number): CharsetEncoder {
  const table = tables.get(name) ?? makeTable(name)
  tables.set(name, table)
  return (text) => {
    const bytes: number[] = []
    for (const char of text) {
      const byte = char < '\x80' ? char.charCodeAt(0) : (table.get(char) ?? -1)
      if (byte < 0 || (byte >= 0x80 && byte < from)) return null
      bytes.push(byte)
    }
    return Buffer.from(bytes)
  }
}

function makeTable(name: string): ReadonlyMap<string, number> {
  const decoder = new TextDecoder(name)
  const table = new Map<string, number>()
  for (let byte = 0x80; byte < 0x100; byte++) {
    const char = decoder.decode(Uint8Array.of(byte))
    // controls at the places of others, and the private area, say nothing
    if (!/[\ufffd\u0080-\u009f\ue000-\uf8ff]/.test(char)) table.set(char, byte)
  }
  return table
}

/** HTML in a character set: what that lacks by number. */
export function encodeHtml(html: string, encode: CharsetEncoder): Buffer {
  const whole = encode(html)
  if (whole !== null) return whole
  const chars = [...html].map((char) => (encode(char) === null ? `&#${char.codePointAt(0)};` : char))
  return encode(chars.join('')) ?? Buffer.alloc(0)
}

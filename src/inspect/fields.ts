import { isAscii } from '../mail/address.ts'
import type { HeaderPair } from './outcome.ts'

const WIDTH = 76

/**
 * A header field, folded where its words allow it. Control characters become spaces, so that no
 * value can start a field of its own; a value that is not ASCII is written as encoded words (RFC 2047),
 * so that the field can travel everywhere. Throws RangeError if the name is none.
 */
export function formatField(name: string, value: string): string {
  if (!isFieldName(name)) throw new RangeError(`"${name}" is no header field name`)
  const plain = value.replace(CONTROL, ' ')
  const words = isAscii(plain) ? plain.split(' ') : encodedWords(plain)
  let line = `${name}:`
  let text = ''
  for (const word of words) {
    if (word === '') continue
    if (line.length + 1 + word.length > WIDTH && line !== `${name}:`) {
      text += `${line}\r\n`
      line = ''
    }
    line += ` ${word}`
  }
  return `${text}${line}\r\n`
}

// RFC 2047 section 2: an encoded word has at most 75 characters
const ENCODED_OCTETS = 42

function encodedWords(text: string): string[] {
  const words: string[] = []
  let piece = ''
  for (const character of text) {
    if (Buffer.byteLength(piece + character) > ENCODED_OCTETS) {
      words.push(piece)
      piece = ''
    }
    piece += character
  }
  return [...words, piece].map((word) => `=?UTF-8?B?${Buffer.from(word).toString('base64')}?=`)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/** ftext of RFC 5322 section 2.2. */
export const isFieldName = (name: string): boolean => /^[!-9;-~]{1,76}$/.test(name)

/** Several fields, one after the other. */
export const formatFields = (fields: readonly HeaderPair[]): string =>
  fields.map(([name, value]) => formatField(name, value)).join('')

import { decodeWords, fromBinary } from '../../../mail/mime/words.ts'

/**
 * The texts that readers may make of a field's value. Programs that write encoded words wrongly are read all the
 * same, by some readers at least, and a mark that one of them shows is meant. At least one, at most three.
 */
export function readingsOf(value: string): readonly string[] {
  const binary = Buffer.from(value).toString('latin1')
  const strict = decodeWords(binary).text
  if (!binary.includes('=?')) return [strict]
  const generous = fromBinary(withoutWords(binary))
  return UTF7.test(binary) ? [strict, generous, fromUtf7(generous)] : [strict, generous]
}

const UTF7 = /=\?[^?]{0,30}utf-?7[^?]{0,30}\?/i
const BETWEEN_WORDS = /\?=\s*=\?[^?]{0,60}\?[bq]\?/gi
const BASE64_WORD = /=\?[^?]{0,60}\?b\?([a-z0-9+/=\s]*)(?:\?=)?/gi
const REST = /=\?[^?]{0,60}\?q\?|\?=/gi

/**
 * Everything decoded that looks like a word or a part of one: words with question marks in them, without an end, with
 * blanks in the name of their character set or without one. The bytes, as a binary string.
 */
function withoutWords(binary: string): string {
  const joined = binary.replace(BASE64_WORD, (_, data: string) => `${fromBase64(data)}?=`).replace(BETWEEN_WORDS, '')
  const hex = (_: string, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))
  return joined
    .replace(REST, '')
    .replaceAll('_', ' ')
    .replace(/=([0-9a-f]{2})/gi, hex)
}

const fromBase64 = (data: string): string => Buffer.from(data, 'base64').toString('latin1')

/** RFC 2152: base64 of UTF-16 between a plus and a minus. */
const fromUtf7 = (text: string): string =>
  text.replace(/\+([a-z0-9+/]+)-?/gi, (_, data: string) => {
    const bytes = Buffer.from(data, 'base64')
    return bytes
      .subarray(0, bytes.length & ~1)
      .swap16()
      .toString('utf16le')
  })

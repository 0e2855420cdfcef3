import type { HeaderPair } from './outcome.ts'

const WIDTH = 76

/**
 * A header field as bytes, folded where its words allow it. Control characters become spaces, so
 * that no value can start a field of its own. Throws RangeError if the name is none.
 */
export function formatField(name: string, value: string): string {
  if (!isFieldName(name)) throw new RangeError(`"${name}" is no header field name`)
  let line = `${name}:`
  let text = ''
  for (const word of value.replace(CONTROL, ' ').split(' ')) {
    if (word === '') continue
    if (line.length + 1 + word.length > WIDTH && line !== `${name}:`) {
      text += `${line}\r\n`
      line = ''
    }
    line += ` ${word}`
  }
  return `${text}${line}\r\n`
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/** ftext of RFC 5322 section 2.2. */
export const isFieldName = (name: string): boolean => /^[!-9;-~]{1,76}$/.test(name)

/** Several fields, one after the other. */
export const formatFields = (fields: readonly HeaderPair[]): string =>
  fields.map(([name, value]) => formatField(name, value)).join('')

/** Embeddings, overrides and isolates (Unicode UAX #9, 2.1 to 2.4): the marks LRM, RLM and ALM are not among them. */
const BIDI = /[\u202a-\u202e\u2066-\u2069]/u
/** Zero width, soft hyphen, combining joiner, Hangul and Khmer fillers, byte order mark. */
const INVISIBLE =
  /\u00ad|\u034f|\u115f|\u1160|\u17b4|\u17b5|\u180e|[\u200b-\u200f]|[\u2060-\u2064]|\u3164|\ufeff|\uffa0/u
const INVISIBLE_ALL = new RegExp(`${BIDI.source}|${INVISIBLE.source}`, 'gu')

export const hasBidi = (text: string): boolean => BIDI.test(text)
export const hasInvisible = (text: string): boolean => INVISIBLE.test(text)
export const invisibleFree = (text: string): string => text.replace(INVISIBLE_ALL, '')

const LONGEST = 120

/**
 * A name that is safe to show: what cannot be seen, and what turns the direction of writing, is
 * written as `<U+202E>`; at most 120 characters, the middle left out.
 */
export function shownName(name: string): string {
  const marked = Array.from(name.slice(0, 2048).toWellFormed(), shownCharacter).join('')
  const characters = Array.from(marked)
  if (characters.length <= LONGEST) return marked
  return [...characters.slice(0, 70), '...', ...characters.slice(-45)].join('')
}

function shownCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0
  const odd = code < 32 || (code >= 0x7f && code < 0xa0) || hasBidi(character) || hasInvisible(character)
  return odd ? `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>` : character
}

/** For replies on the wire: letters without their accents, and `?` for what is not ASCII. */
export function asciiName(name: string): string {
  return Array.from(name.normalize('NFKD').replace(/\p{M}/gu, ''), (character) =>
    character >= ' ' && character <= '~' ? character : '?',
  ).join('')
}

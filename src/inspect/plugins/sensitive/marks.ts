import type { MessageView } from '../../plugin.ts'
import { readingsOf } from './readings.ts'

/** How a sender says that a message is sensitive. As `plainText` makes them. */
export interface Marks {
  /** Texts that stand anywhere in the subject. */
  readonly tags: readonly string[]
  /** Names in lower case; a value of null is any. */
  readonly fields: readonly { readonly name: string; readonly value: string | null }[]
}

/** What made a message sensitive. */
export type Mark = 'client' | 'subject' | 'header'

type Fields = MessageView['header']

/** What marks the message, or null. Every Subject counts, should there be several: programs differ on which one they show. */
export function markOf(header: Fields, { tags, fields }: Marks): 'subject' | 'header' | null {
  const isTagged = ({ name, value }: Fields[number]) => {
    if (name.toLowerCase() !== 'subject') return false
    const texts = readingsOf(value).map(plainText)
    return tags.some((tag) => texts.some((text) => holds(text, tag)))
  }
  if (tags.length > 0 && header.some(isTagged)) return 'subject'
  return header.some((field) => fields.some((wanted) => bears(field, wanted))) ? 'header' : null
}

function bears({ name, value }: Fields[number], wanted: Marks['fields'][number]): boolean {
  if (name.toLowerCase() !== wanted.name) return false
  if (wanted.value === null) return true
  const texts = readingsOf(value).map(plainText)
  return texts.some((text) => text.trim() === wanted.value || bare(text) === wanted.value)
}

/** Without quotes and comments around it (RFC 5322 section 3.2), which programs add as they please. */
const bare = (text: string): string => text.replace(/\([^()]*\)|"/g, '').trim()

/** Letters that cannot be read may be those of the tag, as long as the others of the tag are there. */
function holds(text: string, tag: string): boolean {
  if (text.includes(tag)) return true
  const vague = blurred(tag)
  return text.includes(UNKNOWN) && vague !== UNKNOWN && blurred(text).includes(vague)
}

const UNKNOWN = '\ufffd'

// biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range
const blurred = (text: string): string => text.replace(/[^\x00-\x7f]+/g, UNKNOWN)

/**
 * Text as it is compared: compatibility forms as plain ones, without case, invisible characters
 * and differences of white space.
 */
export const plainText = (text: string): string =>
  text.normalize('NFKC').replace(INVISIBLE, '').replace(/\s+/g, ' ').toLowerCase()

const INVISIBLE = /\p{Default_Ignorable_Code_Point}|(?!\s)\p{Cc}/gu

import { decodeWords } from '../../../mail/mime/words.ts'
import type { MessageView } from '../../plugin.ts'

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
    const text = textOf(value)
    return tags.some((tag) => text.includes(tag))
  }
  if (tags.length > 0 && header.some(isTagged)) return 'subject'
  return header.some((field) => fields.some((wanted) => bears(field, wanted))) ? 'header' : null
}

function bears({ name, value }: Fields[number], wanted: Marks['fields'][number]): boolean {
  if (name.toLowerCase() !== wanted.name) return false
  return wanted.value === null || textOf(value).trim() === wanted.value
}

/** The words of a field's value as a reader sees them. */
const textOf = (value: string): string => plainText(decodeWords(Buffer.from(value).toString('latin1')).text)

/**
 * Text as it is compared: compatibility forms as plain ones, without case, invisible characters
 * and differences of white space.
 */
export const plainText = (text: string): string =>
  text.normalize('NFKC').replace(INVISIBLE, '').replace(/\s+/g, ' ').toLowerCase()

const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu

import { type Address, parseAddress } from '../../../mail/address.ts'
import { decodeWords, plainText } from './name.ts'

/** What a From field says: who wrote, and all else that a reader sees. */
export interface Author {
  /** Those that programs answer to. */
  readonly addresses: readonly Address[]
  /** Everything but these, as a reader takes it. */
  readonly shown: string
}

const MOST_CHARACTERS = 8192
const ANGLE = /<([^<>]{0,400})>/g

/** Reads a From field. Null where there is no address in it that could be one. */
export function readAuthor(value: string): Author | null {
  const { angles, rest } = cutAngles(value.slice(0, MOST_CHARACTERS))
  const addresses = (angles.length > 0 ? angles : rest.split(',')).flatMap((text) => {
    const address = parseAddress(withoutComments(text).trim(), { utf8: true })
    return address === null ? [] : [address]
  })
  if (addresses.length === 0) return null
  const shown = angles.length > 0 ? rest : (rest.match(/\(([^()]*)\)/g)?.join(' ') ?? '')
  return { addresses, shown: plainText(decodeWords(shown)) }
}

/** What stands in angle brackets outside of quotes, and the rest without quotes. */
function cutAngles(value: string): { readonly angles: readonly string[]; readonly rest: string } {
  const angles: string[] = []
  // in quotes an angle bracket is a part of what is shown
  const parts = value.split(/("(?:[^"\\]|\\.)*")/)
  const rest = parts.map((part, i) => {
    // every second part is a quoted string
    if (i % 2 === 1) return part.slice(1, -1).replace(/\\(.)/g, '$1')
    return part.replace(ANGLE, (_, address: string) => {
      angles.push(address)
      return ' '
    })
  })
  return { angles, rest: rest.join('') }
}

const withoutComments = (text: string): string => text.replace(/\([^()]*\)/g, '')

// more than RFC 5321 has, as a reader is deceived by what looks like one
const SEEN = /[^\s<>()[\]"',;:@]{1,64}@[\p{L}\p{N}.-]{1,255}/gu

/** Addresses that a reader sees in a text. */
export function seenAddresses(text: string): Address[] {
  const found: Address[] = []
  for (const [seen] of text.matchAll(SEEN)) {
    const address = parseAddress(seen.replace(/[.-]+$/, ''), { utf8: true })
    if (address !== null) found.push(address)
  }
  return found
}

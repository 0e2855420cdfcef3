import { decoderFor, decodeUnlabelled } from './charset.ts'

/** RFC 2047 section 2. A word is at most 75 long there; programs write and read longer ones. */
const WORD = /=\?([^?\s]{1,60})\?([bq])\?([^?]*)\?=/gi

interface Run {
  readonly charset: string
  readonly bytes: Buffer[]
}

/** The text of a field's value with its encoded words decoded. `sound` is false where a word cannot be. */
export interface Words {
  readonly text: string
  readonly sound: boolean
}

/**
 * Decodes RFC 2047 words wherever they stand, as readers do. `value` is a binary string (latin1)
 * as the header holds it; bytes above 127 are taken for UTF-8 or windows-1252.
 */
export function decodeWords(value: string): Words {
  if (!value.includes('=?')) return { text: fromBinary(value), sound: true }
  const out = new WordDecoder()
  let from = 0
  for (const match of value.matchAll(WORD)) {
    out.between(value.slice(from, match.index))
    out.word(match[1] ?? '', match[2] ?? '', match[3] ?? '')
    from = match.index + match[0].length
  }
  out.between(value.slice(from))
  return out.end()
}

class WordDecoder {
  #text = ''
  #sound = true
  #run: Run | null = null
  #gap = ''

  /** White space between two words is no text (RFC 2047 section 6.2). */
  between(text: string): void {
    if (this.#run !== null && /^\s*$/.test(text)) {
      this.#gap = text
      return
    }
    this.#flush()
    this.#sound &&= !text.includes('=?')
    this.#text += fromBinary(text)
  }

  /** Neighbours in one character set are decoded together: writers cut characters in two. */
  word(label: string, encoding: string, data: string): void {
    // RFC 2231 section 5: a language after an asterisk
    const charset = label.replace(/\*.*$/, '').toLowerCase()
    this.#gap = ''
    if (this.#run?.charset !== charset) {
      this.#flush()
      this.#run = { charset, bytes: [] }
    }
    this.#run?.bytes.push(encoding.toLowerCase() === 'b' ? Buffer.from(data, 'base64') : fromQ(data))
  }

  #flush(): void {
    if (this.#run === null) return
    const bytes = Buffer.concat(this.#run.bytes)
    const decoder = decoderFor(this.#run.charset)
    this.#sound &&= decoder !== null
    const text = decoder?.decode(bytes) ?? decodeUnlabelled(bytes)
    this.#sound &&= !text.includes('\ufffd')
    this.#text += text + this.#gap
    this.#run = null
    this.#gap = ''
  }

  end(): Words {
    this.#gap = ''
    this.#flush()
    return { text: this.#text, sound: this.#sound }
  }
}

function fromQ(data: string): Buffer {
  const hex = (_: string, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))
  return Buffer.from(data.replaceAll('_', ' ').replace(/=([0-9a-f]{2})/gi, hex), 'latin1')
}

/** The text of bytes that are held in a binary string. */
export function fromBinary(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range
  return /^[\x00-\x7f]*$/.test(value) ? value : decodeUnlabelled(Buffer.from(value, 'latin1'))
}

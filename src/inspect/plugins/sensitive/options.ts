import { OptionsError, OptionsReader } from '../../options.ts'
import { type Marks, plainText } from './marks.ts'

export interface SensitiveOptions {
  readonly marks: Marks
  /** What everybody can read in the Subject of a message that was encrypted. */
  readonly outerSubject: string
  /** What a sender can do where a recipient cannot be reached securely. */
  readonly advice: string
  /** The service's own S/MIME key and certificate, PEM; null: what is encrypted is not signed. */
  readonly signer: SignerFiles | null
  /** Recipients of one message that it is encrypted for, each by itself. */
  readonly maxEncrypted: number
  /** Bytes of the largest message that is encrypted. */
  readonly largest: number
}

export interface SignerFiles {
  readonly key: string
  /** The first certificate is the key's, those after it lead to the authority. */
  readonly certificate: string
}

export const NAME = 'sensitive'
export const TAG = '[secure]'
export const HEADERS: readonly string[] = ['X-Postern-Secure: yes']
export const OUTER_SUBJECT = '[...]'
export const ADVICE = 'Ask the postmaster to register their domain as secure, or their S/MIME certificates'
const LARGEST = 25 * 1024 * 1024
/** Of the job that encrypts. */
export const MOST_BYTES = 128 * 1024 * 1024

/** Reads the options as they stand in the configuration. Throws OptionsError. */
export function parseSensitiveOptions(raw: unknown): SensitiveOptions {
  const reader = new OptionsReader(NAME, raw)
  const options: SensitiveOptions = {
    marks: {
      tags: reader.list('tags', [TAG]).map(tagOf),
      fields: reader.list('headers', HEADERS).map(fieldOf),
    },
    outerSubject: printable('outerSubject', reader.text('outerSubject') ?? OUTER_SUBJECT, 200),
    advice: printable('advice', reader.text('advice') ?? ADVICE, 300),
    signer: signerOf(reader.text('key'), reader.text('certificate')),
    maxEncrypted: reader.integer('maxEncrypted', 1, 1000, 50),
    largest: reader.integer('largest', 1024, MOST_BYTES, LARGEST),
  }
  reader.done()
  return options
}

function tagOf(text: string): string {
  const tag = plainText(text).trim()
  if (tag.length < 2 || tag.length > 100)
    throw new OptionsError(`${NAME}: tags: expected 2 to 100 visible characters, found '${text}'`)
  return tag
}

const FIELD = /^([!-9;-~]{1,76}):\s*(\S.{0,200})$/

function fieldOf(text: string): Marks['fields'][number] {
  const [, name, value] = FIELD.exec(text) ?? []
  if (name === undefined || value === undefined)
    throw new OptionsError(`${NAME}: headers: expected 'Name: value', found '${text}'`)
  return { name: name.toLowerCase(), value: value.trim() === '*' ? null : plainText(value).trim() }
}

/** It travels in replies and in headers. */
function printable(key: string, text: string, most: number): string {
  if (/^[\x20-\x7e]+$/.test(text) && text.length <= most) return text
  throw new OptionsError(`${NAME}: ${key}: expected at most ${most} printable ASCII characters`)
}

function signerOf(key: string | null, certificate: string | null): SignerFiles | null {
  if (key === null && certificate === null) return null
  if (key === null || certificate === null)
    throw new OptionsError(`${NAME}: key and certificate belong together: give both, or neither`)
  return { key, certificate }
}

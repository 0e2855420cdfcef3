import { createHash, sign } from 'node:crypto'
import { type RawField, relaxedField } from '../../dkim/header.ts'
import type { SigningKey } from './keys.ts'

/** The part of a signing key that a signature needs. */
export type Signer = Pick<SigningKey, 'domain' | 'selector' | 'algorithm' | 'key'>

const PIECE = 64

/** Text in pieces with a space between, so that it can be folded. */
const pieces = (text: string): string => text.match(new RegExp(`.{1,${PIECE}}`, 'g'))?.join(' ') ?? ''

/** Names with a colon between, and a space where a line may end. */
export function fieldNames(names: readonly string[]): string {
  let text = ''
  let line = 0
  for (const name of names) {
    const isFull = line + name.length > PIECE
    text += text === '' ? name : `${isFull ? ': ' : ':'}${name}`
    line = isFull ? name.length : line + name.length + 1
  }
  return text
}

/**
 * Which fields are signed: all of each name, from the bottom up (RFC 6376 section 5.4.2), and once
 * more for names of which no other may be added. Gives their names, and their relaxed form in that order.
 */
export function chooseFields(
  header: readonly RawField[],
  fields: readonly string[],
  oversign: readonly string[],
): { readonly names: readonly string[]; readonly text: string } {
  const over = new Set(oversign.map((name) => name.toLowerCase()))
  const byName = Map.groupBy([...header].reverse(), ({ name }) => name.toLowerCase())
  const names: string[] = []
  let text = ''
  for (const name of fields) {
    const key = name.toLowerCase()
    const found = byName.get(key) ?? []
    for (const field of found) text += `${relaxedField(field.text)}\r\n`
    for (let i = found.length + (over.has(key) ? 1 : 0); i > 0; i--) names.push(key)
  }
  return { names, text }
}

/**
 * The value of a signature field. `tags` come before `b=`, in order; `before` is what is signed
 * ahead of the field itself (RFC 6376 section 3.7).
 */
export function signedValue(
  name: string,
  tags: readonly (readonly [string, string])[],
  before: string,
  { algorithm, key }: Signer,
): string {
  const value = `${tags.map(([tag, text]) => `${tag}=${text}`).join('; ')}; b=`
  const data = Buffer.from(before + relaxedField(`${name}: ${value}`), 'latin1')
  const signature =
    algorithm === 'rsa-sha256'
      ? sign('sha256', data, key)
      : // RFC 8463 section 3: the hash is what is signed
        sign(null, createHash('sha256').update(data).digest(), key)
  return value + pieces(signature.toString('base64'))
}

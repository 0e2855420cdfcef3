import forge from 'node-forge'

// Writing DER (X.690): every length is definite and as short as can be. Content, which may be large,
// stays bytes: node-forge would turn it into a string of characters.

const INTEGER = 0x02
const OCTETS = 0x04
const NULL = 0x05
const OBJECT_ID = 0x06
const SEQUENCE = 0x30
const SET = 0x31
const CONTEXT = 0x80
const CONSTRUCTED = 0x20

/** An element of that identifier octet. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([head(tag, length), ...parts])
}

function head(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.of(tag, length)
  const octets: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  return Buffer.of(tag, CONTEXT | octets.length, ...octets)
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => element(SEQUENCE, ...parts)
export const octets = (bytes: Uint8Array): Buffer => element(OCTETS, bytes)
export const nothing = (): Buffer => element(NULL)
export const objectId = (dotted: string): Buffer =>
  element(OBJECT_ID, Buffer.from(forge.asn1.oidToDer(dotted).getBytes(), 'latin1'))

/** A whole number from 0 to 127. */
export const smallInteger = (value: number): Buffer => element(INTEGER, Buffer.of(value))

/** DER wants the elements of a SET OF in the order of their bytes (X.690 section 11.6). */
export const setOf = (...parts: readonly Buffer[]): Buffer => element(SET, ...parts.toSorted(Buffer.compare))

/** `[number] EXPLICIT`, or an implicit one that is constructed. */
export const tagged = (number: number, ...parts: readonly Uint8Array[]): Buffer =>
  element(CONTEXT | CONSTRUCTED | number, ...parts)

/** `[number] IMPLICIT OCTET STRING`. */
export const taggedOctets = (number: number, bytes: Uint8Array): Buffer => element(CONTEXT | number, bytes)

const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18

/** RFC 5652 section 11.3: UTCTime until 2049. */
export function time(ms: number): Buffer {
  const digits = `${new Date(ms).toISOString().replace(/\.\d+|[-:T]/g, '')}`
  return new Date(ms).getUTCFullYear() < 2050
    ? element(UTC_TIME, Buffer.from(digits.slice(2)))
    : element(GENERALIZED_TIME, Buffer.from(digits))
}

import { createCipheriv, createHash } from 'node:crypto'
import { type Budget, spendWork } from '../budget.ts'
import { rc4 } from '../codec/rc4.ts'
import { asName, asNumber, asString, type PdfDictionary, type PdfValue } from './pdf-lexer.ts'

/** ISO 32000-1, 7.6.3.3: what fills up a short password. */
const PADDING = Buffer.from('28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a', 'hex')

/**
 * Whether a user password, in the bytes that the revision wants, opens a document of the standard
 * security handler; null where that cannot be tried.
 */
export function opensWith(password: Buffer, encrypt: PdfDictionary, id: Buffer, budget: Budget): boolean | null {
  const revision = asNumber(encrypt.get('R'))
  const user = asString(encrypt.get('U'))
  spendWork(budget, 200_000)
  if (asName(encrypt.get('Filter')) !== 'Standard' || user === null || revision === null) return null
  if (revision === 5) return opensRevision5(password, user)
  if (revision === 6) return opensRevision6(password, user)
  return revision >= 2 && revision <= 4 ? opensRevision2to4(password, encrypt, user, id, revision) : null
}

const digest = (algorithm: string, ...parts: Buffer[]): Buffer =>
  createHash(algorithm).update(Buffer.concat(parts)).digest()

/** Algorithms 4, 5 and 6. */
function opensRevision2to4(
  password: Buffer,
  encrypt: PdfDictionary,
  user: Buffer,
  id: Buffer,
  revision: number,
): boolean | null {
  const padded = Buffer.concat([password, PADDING]).subarray(0, 32)
  const key = keyOf(padded, encrypt, id, revision)
  if (key === null) return null
  if (revision === 2) return rc4(key, PADDING).equals(user.subarray(0, 32))
  let value = rc4(key, digest('md5', PADDING, id))
  for (let i = 1; i <= 19; i++) value = rc4(Buffer.from(key.map((byte) => byte ^ i)), value)
  return value.equals(user.subarray(0, 16))
}

/** Algorithm 2. */
function keyOf(padded: Buffer, encrypt: PdfDictionary, id: Buffer, revision: number): Buffer | null {
  const owner = asString(encrypt.get('O'))
  const permissions = asNumber(encrypt.get('P'))
  if (owner === null || permissions === null) return null
  const length = keyLength(encrypt, revision)
  const flags = Buffer.alloc(4)
  flags.writeInt32LE(permissions | 0)
  const metadata = revision >= 4 && isFalse(encrypt.get('EncryptMetadata')) ? Buffer.alloc(4, 0xff) : Buffer.alloc(0)
  let key = digest('md5', padded, owner.subarray(0, 32), flags, id, metadata)
  if (revision >= 3) for (let i = 0; i < 50; i++) key = digest('md5', key.subarray(0, length))
  return key.subarray(0, length)
}

/** Bytes. Some writers give the bits of Length as bytes. */
function keyLength(encrypt: PdfDictionary, revision: number): number {
  if (asNumber(encrypt.get('V')) === 4) return 16
  if (revision === 2) return 5
  const length = asNumber(encrypt.get('Length')) ?? 40
  return Math.min(16, Math.max(5, Math.floor(length < 40 ? length : length / 8)))
}

const isFalse = (value: PdfValue | undefined): boolean => value?.kind === 'word' && value.value === 'false'

/** Adobe Supplement to ISO 32000, extension level 3. */
function opensRevision5(password: Buffer, user: Buffer): boolean | null {
  if (user.length < 48) return null
  return digest('sha256', password, user.subarray(32, 40)).equals(user.subarray(0, 32))
}

/** ISO 32000-2, algorithm 11. */
function opensRevision6(password: Buffer, user: Buffer): boolean | null {
  if (user.length < 48) return null
  return hardened(password, user.subarray(32, 40)).equals(user.subarray(0, 32))
}

/** Algorithm 2.B for a user password. Ends after 64 rounds at the earliest, and long before 400. */
function hardened(password: Buffer, salt: Buffer): Buffer {
  let key = digest('sha256', password, salt)
  for (let round = 0; round < 400; round++) {
    const repeated = Buffer.concat(new Array(64).fill(Buffer.concat([password, key])))
    const cipher = createCipheriv('aes-128-cbc', key.subarray(0, 16), key.subarray(16, 32))
    cipher.setAutoPadding(false)
    const encrypted = cipher.update(repeated)
    const rest = encrypted.subarray(0, 16).reduce((sum, byte) => sum + byte, 0) % 3
    key = digest(['sha256', 'sha384', 'sha512'][rest] ?? 'sha256', encrypted)
    if (round >= 63 && (encrypted.at(-1) ?? 0) <= round - 32) break
  }
  return key.subarray(0, 32)
}

import { createDecipheriv, hash } from 'node:crypto'
import { type Budget, spendWork } from '../budget.ts'
import { damaged } from '../failure.ts'
import { spin, WORK_PER_SPIN } from './office-standard.ts'

/** MS-OFFCRYPTO 2.3.4.10: attributes of keyData or encryptedKey. */
interface Key {
  readonly salt: Buffer
  readonly keyBits: number
  readonly blockSize: number
  readonly hash: string
  readonly cipher: string
  readonly chaining: string
}

interface PasswordKey extends Key {
  readonly spins: number
  readonly verifierInput: Buffer
  readonly verifierHash: Buffer
  readonly keyValue: Buffer
}

export interface Agile {
  readonly data: Key
  /** Null where only certificates open it. */
  readonly password: PasswordKey | null
}

const HASHES: Readonly<Record<string, string>> = {
  SHA1: 'sha1',
  'SHA-1': 'sha1',
  SHA256: 'sha256',
  SHA384: 'sha384',
  SHA512: 'sha512',
}

/** Reads the XML of an agile EncryptionInfo. */
export function readAgile(xml: string): Agile {
  const data = /<(?:\w+:)?keyData\s([^>]*)>/u.exec(xml)?.[1] ?? damaged('its encryption header is damaged')
  const password = /<(?:\w+:)?encryptedKey\s([^>]*spinCount[^>]*)>/u.exec(xml)?.[1]
  return { data: readKey(data), password: password === undefined ? null : readPasswordKey(password) }
}

function attribute(attributes: string, name: string): string {
  const found = new RegExp(`(?:^|\\s)${name}\\s*=\\s*["']([^"']*)["']`, 'u').exec(attributes)?.[1]
  return found ?? damaged('its encryption header is damaged')
}

function readKey(attributes: string): Key {
  return {
    salt: Buffer.from(attribute(attributes, 'saltValue'), 'base64'),
    keyBits: Number(attribute(attributes, 'keyBits')),
    blockSize: Number(attribute(attributes, 'blockSize')),
    hash: HASHES[attribute(attributes, 'hashAlgorithm')] ?? 'unknown',
    cipher: attribute(attributes, 'cipherAlgorithm'),
    chaining: attribute(attributes, 'cipherChaining'),
  }
}

function readPasswordKey(attributes: string): PasswordKey {
  return {
    ...readKey(attributes),
    spins: Number(attribute(attributes, 'spinCount')),
    verifierInput: Buffer.from(attribute(attributes, 'encryptedVerifierHashInput'), 'base64'),
    verifierHash: Buffer.from(attribute(attributes, 'encryptedVerifierHashValue'), 'base64'),
    keyValue: Buffer.from(attribute(attributes, 'encryptedKeyValue'), 'base64'),
  }
}

/** Whether this is a combination that can be tried here: AES-CBC with a hash that is known, and not too many rounds. */
export function canTry(key: PasswordKey, maxSpins: number): boolean {
  return isUsable(key) && Number.isInteger(key.spins) && key.spins >= 0 && key.spins <= maxSpins
}

const isUsable = ({ keyBits, blockSize, hash, cipher, chaining }: Key): boolean =>
  [128, 192, 256].includes(keyBits) &&
  blockSize === 16 &&
  hash !== 'unknown' &&
  cipher === 'AES' &&
  chaining === 'ChainingModeCBC'

const BLOCKS = {
  input: Buffer.from('fea7d2763b4b9e79', 'hex'),
  value: Buffer.from('d7aa0f6d3061344e', 'hex'),
  key: Buffer.from('146e0be7abacd0d6', 'hex'),
} as const

/** 2.3.4.11 to 2.3.4.13: the key of the package, or null where the password is the wrong one. */
export function opensAgile(key: PasswordKey, password: string, budget: Budget): Buffer | null {
  spendWork(budget, key.spins * WORK_PER_SPIN)
  const spun = spin(key.hash, key.salt, password, key.spins)
  const decrypted = (block: Buffer, data: Buffer): Buffer => {
    const derived = fitted(hash(key.hash, Buffer.concat([spun, block]), 'buffer'), key.keyBits / 8)
    return decryptCbc(derived, fitted(key.salt, 16), data)
  }
  const expected = hash(key.hash, decrypted(BLOCKS.input, key.verifierInput).subarray(0, key.salt.length), 'buffer')
  const stored = decrypted(BLOCKS.value, key.verifierHash).subarray(0, expected.length)
  if (!stored.equals(expected)) return null
  return decrypted(BLOCKS.key, key.keyValue).subarray(0, key.keyBits / 8)
}

/** 2.3.4.15: segments of 4096 bytes, each with an initialisation vector of its own. */
export function decryptAgile(data: Key, key: Buffer, content: Buffer): Buffer | null {
  if (!isUsable(data) || key.length !== data.keyBits / 8) return null
  const parts: Buffer[] = []
  for (let at = 0, i = 0; at < content.length; at += 4096, i++) {
    const number = Buffer.alloc(4)
    number.writeUInt32LE(i)
    const iv = fitted(hash(data.hash, Buffer.concat([data.salt, number]), 'buffer'), 16)
    parts.push(decryptCbc(key, iv, content.subarray(at, at + 4096)))
  }
  return Buffer.concat(parts)
}

/** Cut, or filled up with 0x36, to `length`. */
function fitted(bytes: Buffer, length: number): Buffer {
  return Buffer.concat([bytes.subarray(0, length), Buffer.alloc(Math.max(0, length - bytes.length), 0x36)])
}

function decryptCbc(key: Buffer, iv: Buffer, data: Buffer): Buffer {
  const decipher = createDecipheriv(`aes-${key.length * 8}-cbc`, key, iv)
  decipher.setAutoPadding(false)
  return Buffer.concat([decipher.update(data.subarray(0, data.length & ~15)), decipher.final()])
}

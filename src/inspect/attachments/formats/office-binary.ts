import { createHash } from 'node:crypto'
import { spendWork } from '../budget.ts'
import { rc4 } from '../codec/rc4.ts'
import { damaged } from '../failure.ts'
import type { Visit } from '../reader.ts'
import { type Bounds, opensStandard } from './office-standard.ts'

/** What Office itself tries before it asks: for workbooks (MS-OFFCRYPTO 2.3), and for presentations. */
export const DEFAULT_PASSWORDS: readonly string[] = ['VelvetSweatshop', '/01Hannes Ruescher/01']

export interface Opened {
  /** Such as `RC4`. */
  readonly kind: string
  /** The password that opens it, or null. */
  readonly password: string | null
}

/**
 * Tries `passwords` on an encryption header of a binary document: RC4 (MS-OFFCRYPTO 2.3.6), RC4
 * with CryptoAPI (2.3.5) or AES (2.3.4.5). Throws RangeError where it ends too early.
 */
export function openBinary(header: Buffer, passwords: readonly string[], bounds: Bounds): Opened {
  const major = header.readUInt16LE(0)
  const minor = header.readUInt16LE(2)
  spendWork(bounds.budget, passwords.length * 10_000)
  if (major === 1 && minor === 1) return opened('RC4', passwords, (password) => opensRc4(header, password))
  if (minor !== 2 || major < 2 || major > 4) return { kind: 'unknown encryption', password: null }
  return openCryptoApi(header, passwords, bounds)
}

function opened(kind: string, passwords: readonly string[], opens: (password: string) => boolean): Opened {
  return { kind, password: passwords.find(opens) ?? null }
}

/** Notes `readable` or `encrypted` by what `open` finds; `encrypted` also where it throws, which is passed on. */
export function noteOpened(visit: Visit, product: string, open: () => Opened): void {
  let found: Opened = { kind: 'unknown encryption', password: null }
  try {
    found = open()
  } finally {
    if (found.password === null) visit.note('encrypted', `${product} password (${found.kind})`)
    else visit.note('readable', `${found.kind}, opens with ${product}'s default password`)
  }
}

const digest = (algorithm: string, ...parts: Buffer[]): Buffer =>
  createHash(algorithm).update(Buffer.concat(parts)).digest()

/** 2.3.6.2: five bytes of MD5 over and over. */
function opensRc4(header: Buffer, password: string): boolean {
  const salt = header.subarray(4, 20)
  const start = digest('md5', Buffer.from(password, 'utf16le')).subarray(0, 5)
  const repeated = Buffer.concat(new Array(16).fill(Buffer.concat([start, salt])))
  const key = digest('md5', digest('md5', repeated).subarray(0, 5), Buffer.alloc(4))
  const plain = rc4(key, header.subarray(20, 52))
  return plain.length === 32 && digest('md5', plain.subarray(0, 16)).equals(plain.subarray(16))
}

/** The parts of an EncryptionHeader and EncryptionVerifier (2.3.2, 2.3.3). */
export interface CryptoApi {
  readonly algorithm: number
  readonly hash: number
  readonly keyBits: number
  readonly salt: Buffer
  readonly verifier: Buffer
  readonly verifierHash: Buffer
}

const AES_ALGORITHMS = new Set([0x660e, 0x660f, 0x6610])
const RC4_ALGORITHM = 0x6801

/** Reads what follows the version in an EncryptionInfo. */
export function readCryptoApi(info: Buffer): CryptoApi {
  const headerAt = 12
  const verifierAt = headerAt + info.readUInt32LE(8)
  const algorithm = info.readUInt32LE(headerAt + 8)
  const hashAt = verifierAt + 40
  const hashSize = AES_ALGORITHMS.has(algorithm) ? 32 : 20
  if (hashAt + hashSize > info.length) damaged('its encryption header is damaged')
  return {
    algorithm,
    hash: info.readUInt32LE(headerAt + 12),
    keyBits: info.readUInt32LE(headerAt + 16) || 40,
    salt: info.subarray(verifierAt + 4, verifierAt + 20),
    verifier: info.subarray(verifierAt + 20, verifierAt + 36),
    verifierHash: info.subarray(hashAt, hashAt + hashSize),
  }
}

function openCryptoApi(info: Buffer, passwords: readonly string[], bounds: Bounds): Opened {
  const api = readCryptoApi(info)
  if (AES_ALGORITHMS.has(api.algorithm)) {
    return opened('AES', passwords, (password) => opensStandard(api, password, bounds) !== null)
  }
  if (api.algorithm !== RC4_ALGORITHM && api.algorithm !== 0) return { kind: 'unknown encryption', password: null }
  return opened(`RC4 with CryptoAPI, ${api.keyBits} bits`, passwords, (password) => opensCryptoApi(api, password))
}

/** 2.3.5.2 and 2.3.5.6. */
function opensCryptoApi({ keyBits, salt, verifier, verifierHash }: CryptoApi, password: string): boolean {
  const start = digest('sha1', salt, Buffer.from(password, 'utf16le'))
  const derived = digest('sha1', start, Buffer.alloc(4)).subarray(0, keyBits / 8)
  const key = keyBits === 40 ? Buffer.concat([derived, Buffer.alloc(11)]) : derived
  const plain = rc4(key, Buffer.concat([verifier, verifierHash]))
  return digest('sha1', plain.subarray(0, 16)).equals(plain.subarray(16, 36))
}

/** 2.3.7.1: the verifier of an XOR-obfuscated workbook, sixteen bits. */
export function xorVerifier(password: string): number {
  const bytes = Buffer.from(password, 'latin1').subarray(0, 15)
  let verifier = 0
  for (const byte of [bytes.length, ...bytes].reverse()) {
    verifier = (((verifier >> 14) & 1) | ((verifier << 1) & 0x7fff)) ^ byte
  }
  return verifier ^ 0xce4b
}

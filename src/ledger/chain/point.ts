import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { writeInteger } from './hash.ts'

/** A place in the chain: up to and with `entry`, there have been `count` entries since it began. */
export interface ChainPoint {
  readonly entry: number
  readonly count: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly hash: Uint8Array
}

/** A checkpoint says "the chain was here"; an anchor says "everything up to here was dropped on purpose". */
export type PointKind = 'checkpoint' | 'anchor'

export interface SignedPoint extends ChainPoint {
  /** Which key signed it; null if none did. */
  readonly key: string | null
  readonly signature: Uint8Array | null
}

const VERSION = 1
const INTEGERS = 3

function signedBytes(kind: PointKind, { entry, count, at, hash }: ChainPoint): Buffer {
  const numbers = Buffer.alloc(INTEGERS * 8)
  writeInteger(numbers, at, writeInteger(numbers, count, writeInteger(numbers, entry, 0)))
  return Buffer.concat([Buffer.from(`postern ledger ${kind}\0`), Buffer.from([VERSION]), numbers, hash])
}

/** A key's name: the first 16 hexadecimal digits of the SHA-256 of its public part (SPKI, DER). */
export function keyName(key: KeyObject): string {
  const open = key.type === 'private' ? createPublicKey(key) : key
  return createHash('sha256')
    .update(open.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16)
}

/** Reads an Ed25519 key, private or public, from PEM and gives its public part. Throws RangeError for anything else. */
export function publicKeyOf(pem: string): KeyObject {
  const key = read(() => createPublicKey(pem))
  if (key.asymmetricKeyType !== 'ed25519') throw new RangeError('the key is not an Ed25519 key')
  return key
}

function read(make: () => KeyObject): KeyObject {
  try {
    return make()
  } catch {
    // OpenSSL's words would say less, and could show bytes of the file
    throw new RangeError('there is no key in PEM')
  }
}

/** Signs points of the chain, so that who can write the database cannot make up another chain. */
export class PointSigner {
  readonly name: string
  readonly #key: KeyObject

  /** Throws RangeError unless `pem` is a private Ed25519 key. */
  constructor(pem: string) {
    this.#key = read(() => createPrivateKey(pem))
    if (this.#key.asymmetricKeyType !== 'ed25519') throw new RangeError('the key is not an Ed25519 key')
    this.name = keyName(this.#key)
  }

  sign(kind: PointKind, point: ChainPoint): SignedPoint {
    return { ...point, key: this.name, signature: sign(null, signedBytes(kind, point), this.#key) }
  }
}

/** As it is where there is no key. */
export const signed = (signer: PointSigner | null, kind: PointKind, point: ChainPoint): SignedPoint =>
  signer === null ? { ...point, key: null, signature: null } : signer.sign(kind, point)

/** Public keys by their names. */
export type PublicKeys = ReadonlyMap<string, KeyObject>

/** What a signature is worth to somebody who has these keys. */
export function standing(kind: PointKind, point: SignedPoint, keys: PublicKeys): 'none' | 'unknown' | 'good' | 'bad' {
  if (point.key === null || point.signature === null) return 'none'
  const key = keys.get(point.key)
  if (key === undefined) return 'unknown'
  return verify(null, signedBytes(kind, point), key, point.signature) ? 'good' : 'bad'
}

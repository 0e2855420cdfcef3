import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { canonicalJson, type Plain } from './canonical-json.ts'
import { RECEIPT_TYPE, type Receipt, type SignedReceipt } from './receipt.ts'

/** The bytes that are signed. */
export const signedBytes = (receipt: Receipt): Buffer => Buffer.from(canonicalJson(receipt))

const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' })

/** The name of a public key: SHA-256 of its DER form, lower-case hex. */
export const keyIdOf = (key: KeyObject): string => createHash('sha256').update(spkiOf(key)).digest('hex')

/** `privateKey`: Ed25519. */
export function signReceipt(receipt: Receipt, privateKey: KeyObject): SignedReceipt {
  const publicKey = createPublicKey(privateKey)
  return {
    receipt,
    signature: {
      algorithm: 'Ed25519',
      keyId: keyIdOf(publicKey),
      publicKey: spkiOf(publicKey).toString('base64'),
      value: sign(null, signedBytes(receipt), privateKey).toString('base64'),
    },
  }
}

/** The one form of a signed receipt as a file. */
export const receiptFile = (signed: SignedReceipt): Buffer => Buffer.from(`${canonicalJson(signed)}\n`)

/** A file that is no receipt, or not the one that was signed. The message is for people. */
export class BadReceipt extends Error {
  override readonly name = 'BadReceipt'
}

/**
 * Reads a receipt and checks it: its form to the last byte, its signature, and, where `trusted` is given, that
 * it was made with that very key. Throws BadReceipt.
 */
export function readReceipt(file: Buffer, trusted: KeyObject | null): SignedReceipt {
  const signed = parse(file)
  const key = keyIn(signed)
  if (keyIdOf(key) !== signed.signature.keyId) throw new BadReceipt('the key in it is not the one that it names')
  if (trusted !== null && keyIdOf(trusted) !== signed.signature.keyId) {
    throw new BadReceipt(`it was signed with another key: ${signed.signature.keyId}`)
  }
  if (!verify(null, signedBytes(signed.receipt), key, Buffer.from(signed.signature.value, 'base64'))) {
    throw new BadReceipt('its signature does not hold: it was altered, or never signed with that key')
  }
  return signed
}

function parse(file: Buffer): SignedReceipt {
  const found = jsonOf(file)
  // so that no byte can be altered, not even a space
  if (!isSame(file, found)) throw new BadReceipt('it is not written as a receipt is: it was altered or formatted anew')
  if (!isSigned(found)) throw new BadReceipt('it is no signed receipt of a version that is known')
  return found
}

function jsonOf(file: Buffer): Plain {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(file))
  } catch {
    throw new BadReceipt('it is no JSON')
  }
}

function isSame(file: Buffer, found: Plain): boolean {
  try {
    return file.equals(Buffer.from(`${canonicalJson(found)}\n`))
  } catch {
    return false
  }
}

type Members = { readonly [name: string]: Plain }

const isMembers = (value: Plain | undefined): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Enough to be shown: whoever signed it answers for the rest. */
function isSigned(value: Plain): value is SignedReceipt {
  if (!isMembers(value) || Object.keys(value).length !== 2) return false
  const { receipt, signature } = value
  return isReceipt(receipt) && isMembers(signature) && isSignature(signature)
}

function isSignature({ algorithm, keyId, publicKey, value, ...more }: Members): boolean {
  const texts = [keyId, publicKey, value].every((each) => typeof each === 'string')
  return algorithm === 'Ed25519' && texts && Object.keys(more).length === 0 && isBase64(value) && isBase64(publicKey)
}

/** Of all forms of base64 that mean the same bytes only the one that is written here. */
const isBase64 = (value: Plain | undefined): boolean =>
  typeof value === 'string' && Buffer.from(value, 'base64').toString('base64') === value

function isReceipt(value: Plain | undefined): boolean {
  if (!isMembers(value) || value.type !== RECEIPT_TYPE || value.version !== 1) return false
  const { relay, madeAt, final, message, recipients } = value
  const isNamed = typeof relay === 'string' && typeof madeAt === 'string' && typeof final === 'boolean'
  return (
    isNamed && isMembers(message) && isMessage(message) && Array.isArray(recipients) && recipients.every(isRecipient)
  )
}

const isMessage = ({ queueId, receivedAt }: Members): boolean =>
  typeof queueId === 'string' && typeof receivedAt === 'string'

function isRecipient(value: Plain): boolean {
  if (!isMembers(value)) return false
  const { address, state, at, final, path } = value
  const isTold = [address, state, at].every((each) => typeof each === 'string') && typeof final === 'boolean'
  return isTold && (path === null || (isMembers(path) && typeof path.host === 'string'))
}

function keyIn({ signature }: SignedReceipt): KeyObject {
  try {
    const key = createPublicKey({ key: Buffer.from(signature.publicKey, 'base64'), type: 'spki', format: 'der' })
    // other bytes may stand for the same key
    const isAsWritten = spkiOf(key).toString('base64') === signature.publicKey
    if (key.asymmetricKeyType === 'ed25519' && isAsWritten) return key
  } catch {
    // as below
  }
  throw new BadReceipt('the key in it is no Ed25519 key')
}

import { createDecipheriv, hash } from 'node:crypto'
import { type Budget, spendWork } from '../budget.ts'
import type { Limits } from '../limits.ts'
import type { CryptoApi } from './office-binary.ts'

/** What trying a password may cost. */
export interface Bounds {
  readonly budget: Budget
  readonly limits: Limits
}

const SPINS = 50_000
/** What one round of hashing costs in units of work. */
export const WORK_PER_SPIN = 700

/** The key of ECMA-376 standard encryption that `password` gives, or null where it is the wrong one or too costly to try (MS-OFFCRYPTO 2.3.4.7 to 2.3.4.9). */
export function opensStandard(api: CryptoApi, password: string, { budget, limits }: Bounds): Buffer | null {
  const bits = api.keyBits
  if (SPINS > limits.maxSpins || (bits !== 128 && bits !== 192 && bits !== 256)) return null
  spendWork(budget, SPINS * WORK_PER_SPIN)
  const key = deriveKey(spin('sha1', api.salt, password, SPINS), bits)
  const plain = decryptEcb(key, api.verifier)
  const plainHash = decryptEcb(key, api.verifierHash)
  return sha1(plain).equals(plainHash.subarray(0, 20)) ? key : null
}

const sha1 = (bytes: Buffer): Buffer => hash('sha1', bytes, 'buffer')

/** H0 = hash of salt and password; Hn = hash of n-1 and Hn-1. The caller has paid for it. */
export function spin(algorithm: string, salt: Buffer, password: string, spins: number): Buffer {
  let current = hash(algorithm, Buffer.concat([salt, Buffer.from(password, 'utf16le')]), 'buffer')
  const input = Buffer.alloc(4 + current.length)
  for (let i = 0; i < spins; i++) {
    input.writeUInt32LE(i, 0)
    current.copy(input, 4)
    current = hash(algorithm, input, 'buffer')
  }
  return current
}

/** 2.3.4.7, as CryptDeriveKey of Windows does it. */
function deriveKey(spun: Buffer, bits: number): Buffer {
  const last = sha1(Buffer.concat([spun, Buffer.alloc(4)]))
  const padded = (fill: number): Buffer => {
    const block = Buffer.alloc(64, fill)
    for (const [i, byte] of last.entries()) block[i] = byte ^ fill
    return sha1(block)
  }
  return Buffer.concat([padded(0x36), padded(0x5c)]).subarray(0, bits / 8)
}

/** AES in ECB mode, as much of `data` as fills whole blocks. */
export function decryptEcb(key: Buffer, data: Buffer): Buffer {
  const decipher = createDecipheriv(`aes-${key.length * 8}-ecb`, key, null)
  decipher.setAutoPadding(false)
  return Buffer.concat([decipher.update(data.subarray(0, data.length & ~15)), decipher.final()])
}

import { createPublicKey } from 'node:crypto'
import type { KeyCache, PublicKey, Resolver } from 'mailauth/lib/dkim/dkim-verifier.js'
import { getPublicKey, toALabel } from 'mailauth/lib/tools.js'

/** Public keys that were read from their records, by the records' text: reading one costs more than verifying with it. */
export class PublicKeys {
  readonly #most: number
  /** In the order of last use, oldest first. */
  readonly #keys = new Map<string, Promise<PublicKey>>()

  constructor(most = 1000) {
    this.#most = most
  }

  /** mailauth's key cache for one message; records come from `resolver`. */
  forMessage(resolver: Resolver): KeyCache {
    const asked = new Map<string, Promise<unknown[]>>()
    const records = (written: string): Promise<unknown[]> => {
      // RFC 8616 section 3
      const name = toALabel(written)
      const known = asked.get(name) ?? resolver(name, 'TXT')
      asked.set(name, known)
      return known
    }
    return {
      resolver,
      get: (type, name, minBitLength, options) => {
        const key = records(name).then((found) => this.#read(found, type, name, minBitLength, options))
        // the chain of ARC seals asks ahead, and may not come back for it
        key.catch(() => {})
        return key
      },
    }
  }

  #read(
    records: unknown[],
    type: string,
    name: string,
    bits: number | undefined,
    options: { strict?: boolean; hashAlgo?: string } = {},
  ): Promise<PublicKey> {
    const question = JSON.stringify([records, bits, options])
    const known = this.#keys.get(question)
    const key = known ?? readKey(records, type, name, bits, options)
    this.#keys.delete(question)
    this.#keys.set(question, key)
    if (this.#keys.size > this.#most) {
      const [oldest] = this.#keys.keys()
      if (oldest !== undefined) this.#keys.delete(oldest)
    }
    return key
  }
}

async function readKey(
  records: unknown[],
  type: string,
  name: string,
  bits: number | undefined,
  options: { strict?: boolean; hashAlgo?: string },
): Promise<PublicKey> {
  const found = await getPublicKey(type, name, bits, async () => records, options)
  return { ...found, publicKey: createPublicKey(String(found.publicKey)) }
}

import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { OptionsError } from '../../options.ts'
import type { KeyOptions } from './options.ts'

/** A key that signs for a domain, parsed once. */
export interface SigningKey {
  readonly domain: string
  readonly selector: string
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256'
  readonly key: KeyObject
  /** Milliseconds since 1970: not before. */
  readonly activeFrom: number
  readonly clients: readonly string[] | null
}

// RFC 8301 section 3.2
const MIN_RSA_BITS = 1024
const NOT_THE_OWNER = 0o077

/** Reads a private key. Rejects with OptionsError: a key that others can read is no longer one. */
export async function readKey({ file, ...names }: KeyOptions): Promise<SigningKey> {
  const wrong = (text: string) => new OptionsError(`sign: ${file}: ${text}`)
  const { mode } = await stat(file).catch((error: Error) => {
    throw wrong(`cannot be read: ${error.message}`)
  })
  if ((mode & NOT_THE_OWNER) !== 0) throw wrong('others than its owner can read it; chmod go= and make a new key')
  const key = parse(await readFile(file), wrong)
  return { ...names, algorithm: algorithmOf(key, wrong), key }
}

function parse(pem: Buffer, wrong: (text: string) => OptionsError): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    // without the cause, which might show some of the key
    throw wrong('it holds no private key in PEM, or one with a password')
  }
}

function algorithmOf(key: KeyObject, wrong: (text: string) => OptionsError): SigningKey['algorithm'] {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519-sha256'
  if (key.asymmetricKeyType !== 'rsa') throw wrong('the key is neither RSA nor Ed25519')
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  if (bits < MIN_RSA_BITS) throw wrong(`the key has ${bits} bits; verifiers want at least ${MIN_RSA_BITS}, better 2048`)
  return 'rsa-sha256'
}

/** In whose name a message comes: domains in lower case. */
export interface Writers {
  readonly author: string | null
  readonly sender: string | null
  readonly client: string | null
}

/** The keys by domain. */
export class KeyRing {
  readonly #byDomain: ReadonlyMap<string, readonly SigningKey[]>
  readonly #otherwise: string

  /** `otherwise`: the domain that signs for those without keys of their own. */
  constructor(keys: readonly SigningKey[], otherwise: string) {
    this.#byDomain = Map.groupBy(keys, ({ domain }) => domain)
    this.#otherwise = otherwise
  }

  /**
   * Who signs a message. The keys of the author's domain (or the nearest above it that has any), if
   * the client may write in its name: a reverse-path there shows that, or the key names the client.
   * Otherwise those of the reverse-path's domain, otherwise the default's.
   */
  choose({ author, sender, client }: Writers, now: number): readonly SigningKey[] {
    const bySender = sender === null ? [] : this.#nearest(sender, now)
    const byAuthor = author === null ? [] : this.#nearest(author, now)
    const believed = byAuthor.filter(({ domain, clients }) =>
      clients === null ? domain === bySender[0]?.domain : client !== null && clients.includes(client),
    )
    if (believed.length > 0) return believed
    if (bySender.length > 0) return bySender
    return this.of(this.#otherwise, now)
  }

  /** The keys of exactly this domain: of each algorithm the one that became active last. */
  of(domain: string, now: number): readonly SigningKey[] {
    const active = (this.#byDomain.get(domain) ?? []).filter(({ activeFrom }) => activeFrom <= now)
    return [...Map.groupBy(active, ({ algorithm }) => algorithm).values()].map((keys) =>
      keys.reduce((latest, key) => (key.activeFrom >= latest.activeFrom ? key : latest)),
    )
  }

  #nearest(domain: string, now: number): readonly SigningKey[] {
    for (let name = domain; ; name = name.slice(name.indexOf('.') + 1)) {
      const found = this.of(name, now)
      if (found.length > 0 || !name.includes('.')) return found
    }
  }
}

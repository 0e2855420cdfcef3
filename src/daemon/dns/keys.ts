import { createPublicKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Config } from '../../config/index.ts'
import { KeyRing, readKey, type SigningKey } from '../../inspect/plugins/sign/keys.ts'
import { type KeyOptions, parseSignOptions } from '../../inspect/plugins/sign/options.ts'
import { publicKeyInfo, sha256 } from '../../transport/certificate.ts'

/** A key that signs, or will, as it is published. */
export interface PublishedKey {
  readonly domain: string
  readonly selector: string
  /** RFC 6376 section 3.6.1: the value of k=. */
  readonly kind: 'rsa' | 'ed25519'
  /** The value of p=. */
  readonly publicKey: string
  readonly use: 'signs' | 'later' | 'superseded'
  /** Milliseconds since 1970; 0: at once. */
  readonly activeFrom: number
}

/** What was read of keys and certificates; what cannot be is told and left out. */
export interface KeyFacts {
  readonly dkim: readonly PublishedKey[]
  /** SHA-256 of the public key in hex, RFC 6698 section 2.1: of the certificate in use, and of the next key. */
  readonly tlsa: { readonly present: string | null; readonly next: string | null }
  /** The certificates of the file in use, as DER. */
  readonly chain: readonly X509Certificate[]
  /** What could not be read, a sentence each, by what is missing for it. */
  readonly problems: readonly { readonly domain: string | null; readonly text: string }[]
}

/** Reads the public parts of keys that the configuration names. Never rejects. */
export async function keyFacts(config: Config, now: number): Promise<KeyFacts> {
  const problems: { domain: string | null; text: string }[] = []
  const attempt = async <T>(domain: string | null, read: () => Promise<T>): Promise<T | null> => {
    try {
      return await read()
    } catch (error) {
      problems.push({ domain, text: error instanceof Error ? error.message : String(error) })
      return null
    }
  }
  const keys = await Promise.all(signingKeys(config).map((key) => attempt(key.domain, () => readKey(key))))
  const { certificate } = config.tls
  const chain = certificate === null ? [] : await attempt(null, () => readChain(certificate))
  const own = chain?.[0]
  const { nextKey } = config.publish
  return {
    dkim: published(
      keys.filter((key) => key !== null),
      now,
    ),
    tlsa: {
      present: own === undefined ? null : sha256(publicKeyInfo(own.raw)),
      next: nextKey === null ? null : await attempt(null, () => readKeyDigest(nextKey)),
    },
    chain: chain ?? [],
    problems,
  }
}

/** The keys of the plugin `sign`, as it reads them itself. */
function signingKeys({ inspect, hostname }: Config): readonly KeyOptions[] {
  const plugin = inspect.find(({ name, module }) => name === 'sign' && module === null)
  return plugin === undefined ? [] : parseSignOptions(plugin.options, hostname).keys
}

function published(keys: readonly SigningKey[], now: number): PublishedKey[] {
  const ring = new KeyRing(keys, '')
  return keys.map((key) => {
    const { domain, selector, activeFrom } = key
    const use = activeFrom > now ? 'later' : ring.of(domain, now).includes(key) ? 'signs' : 'superseded'
    return { domain, selector, ...publicPart(key), use, activeFrom }
  })
}

function publicPart({ key, algorithm }: SigningKey): Pick<PublishedKey, 'kind' | 'publicKey'> {
  const info = createPublicKey(key).export({ type: 'spki', format: 'der' })
  if (algorithm === 'rsa-sha256') return { kind: 'rsa', publicKey: info.toString('base64') }
  // RFC 8463 section 4: the key itself, which is the last 32 octets, without what is around it
  return { kind: 'ed25519', publicKey: info.subarray(-32).toString('base64') }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

async function readChain(file: string): Promise<X509Certificate[]> {
  const text = await readText('tls.certificate', file)
  const blocks = text.match(CERTIFICATE) ?? []
  if (blocks.length === 0) throw new Error(`tls.certificate: ${file} holds no certificate in PEM`)
  return blocks.map((block) => new X509Certificate(block))
}

async function readKeyDigest(file: string): Promise<string> {
  const text = await readText('publish.nextKey', file)
  try {
    return sha256(createPublicKey(text).export({ type: 'spki', format: 'der' }))
  } catch {
    // without the cause, which might show some of the key
    throw new Error(`publish.nextKey: ${file} holds no key in PEM, or one with a password`)
  }
}

async function readText(key: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new Error(`${key}: ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'

/** A key with the TXT record that publishes it. */
export interface TestKey {
  readonly domain: string
  readonly selector: string
  readonly key: KeyObject
  /** `selector._domainkey.domain`. */
  readonly name: string
  readonly record: string
}

export function rsaKey(domain: string, selector: string, bits = 2048): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits })
  const p = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  return made(domain, selector, privateKey, `v=DKIM1; k=rsa; p=${p}`)
}

export function ed25519Key(domain: string, selector: string): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const p = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')
  return made(domain, selector, privateKey, `v=DKIM1; k=ed25519; p=${p}`)
}

const made = (domain: string, selector: string, key: KeyObject, record: string): TestKey => ({
  domain,
  selector,
  key,
  name: `${selector}._domainkey.${domain}`,
  record,
})

/** Writes the private key as an operator would have it. */
export function writeKey(file: string, { key }: TestKey, mode = 0o600): string {
  writeFileSync(file, key.export({ type: 'pkcs8', format: 'pem' }), { mode })
  return file
}

export const recordsOf = (...keys: readonly TestKey[]): Record<string, string> =>
  Object.fromEntries(keys.map(({ name, record }) => [name, record]))

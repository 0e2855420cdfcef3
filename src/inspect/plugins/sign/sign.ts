import { parseAddress } from '../../../mail/address.ts'
import type { MessageView, Modification, Modifier } from '../../plugin.ts'
import { type BuiltInContext, servicesOf } from '../../services.ts'
import { authenticationFacts } from '../authentication/facts.ts'
import { bears, RESULTS_FIELD } from '../authentication/forged.ts'
import { KeyRing, readKey, type Writers } from './keys.ts'
import type { SignOptions } from './options.ts'
import type { SealArgs } from './seal.ts'

const NAME = 'sign'
const HEADER_BYTES = 1024 * 1024

/** Signs with DKIM, and seals with ARC. Rejects with OptionsError if a key cannot be used. */
export async function signPlugin(options: SignOptions, context: BuiltInContext): Promise<Modifier> {
  const { pool } = servicesOf(NAME, context)
  const ring = new KeyRing(await Promise.all(options.keys.map(readKey)), options.defaultDomain)
  pool.warm()
  return {
    name: NAME,
    phase: 'sign',
    async modify(message): Promise<readonly Modification[]> {
      const now = context.clock.now()
      const signers = options.directions.includes(message.direction) ? ring.choose(writersOf(message), now) : []
      const seal = sealArgs(message, options, ring, now)
      if (signers.length === 0 && seal === null) return []
      const { fields, oversign, lifetimeMs } = options
      const seconds = Math.floor(now / 1000)
      const until = lifetimeMs === null ? null : Math.floor((now + lifetimeMs) / 1000)
      const args = { now: seconds, until, signers, fields, oversign, seal, headerBytes: HEADER_BYTES }
      const made = await pool.run('sign', args, message.content, { signal: message.signal })
      return made.map(([name, value]) => ({ do: 'addHeader', name, value }))
    },
  }
}

function writersOf({ header, mailFrom, session }: MessageView): Writers {
  const from = header.find(({ name }) => name.toLowerCase() === 'from')?.value ?? ''
  return { author: authorDomain(from), sender: mailFrom?.domain ?? null, client: session.client }
}

// the last one: what comes before it may be a display name
const ADDRESS = /<([^<>\s]{1,320})>[^<>]*$/

/** The domain in a From field with one address. */
function authorDomain(value: string): string | null {
  const text = value.length > 4096 ? '' : (ADDRESS.exec(value)?.[1] ?? value.trim())
  return parseAddress(text, { utf8: true })?.domain ?? null
}

/** What a seal needs; null where the message is not to be sealed, or nobody has looked at its chain. */
function sealArgs(
  { direction, header, results }: MessageView,
  { seal, sealDomain, defaultDomain, fields }: SignOptions,
  ring: KeyRing,
  now: number,
): SealArgs | null {
  const domain = sealDomain ?? defaultDomain
  if (!seal.includes(direction)) return null
  const facts = authenticationFacts(results)
  if (facts === null) return null
  const ours = header.find(({ name, value }) => name.toLowerCase() === RESULTS_LOWER && bears(facts.by, value))
  const keys = ring.of(domain, now)
  // RSA is what every validator knows
  const signer = keys.find(({ algorithm }) => algorithm === 'rsa-sha256') ?? keys[0]
  if (ours === undefined || signer === undefined) return null
  const { result = 'none', instance = 0 } = facts.arc ?? {}
  const cv = result === 'pass' || result === 'none' ? result : 'fail'
  return { signer, cv, instance, results: ours.value.replace(/\s+/g, ' '), fields }
}

const RESULTS_LOWER = RESULTS_FIELD.toLowerCase()

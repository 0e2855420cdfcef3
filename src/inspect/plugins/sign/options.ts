import { parseDomain } from '../../../mail/address.ts'
import { OptionsError, OptionsReader } from '../../options.ts'
import type { Direction } from '../../plugin.ts'
import { directionsOf } from '../authentication/options.ts'

export interface KeyOptions {
  /** Lower-case A-labels. */
  readonly domain: string
  readonly selector: string
  /** PEM. */
  readonly file: string
  /** Milliseconds since 1970. */
  readonly activeFrom: number
  /** Clients whose From in this domain is believed; null: those whose reverse-path is in it too. */
  readonly clients: readonly string[] | null
}

export interface SignOptions {
  /** With several for one domain and algorithm the one that became active last signs; one RSA and one Ed25519 key both sign. */
  readonly keys: readonly KeyOptions[]
  /** The domain that signs for senders whose domain has no key. */
  readonly defaultDomain: string
  readonly directions: readonly Direction[]
  /** What is sealed with ARC. */
  readonly seal: readonly Direction[]
  /** The domain that seals; null: the default domain. */
  readonly sealDomain: string | null
  /** Names of the fields that are signed where a message has them. */
  readonly fields: readonly string[]
  /** Names of those of which no further one may be added later (RFC 6376 section 8.15). */
  readonly oversign: readonly string[]
  /** How long a signature is valid, milliseconds; null: for ever. */
  readonly lifetimeMs: number | null
}

/** RFC 6376 section 5.4.1, and what tells programs how to read the content. */
export const FIELDS: readonly string[] = [
  'From',
  'Sender',
  'Reply-To',
  'To',
  'Cc',
  'Subject',
  'Date',
  'Message-ID',
  'In-Reply-To',
  'References',
  'MIME-Version',
  'Content-Type',
  'Content-Transfer-Encoding',
  'Content-Disposition',
  'Content-ID',
  'List-Id',
  'List-Help',
  'List-Unsubscribe',
  'List-Unsubscribe-Post',
  'List-Subscribe',
  'List-Post',
  'List-Owner',
  'List-Archive',
  'Resent-Date',
  'Resent-From',
  'Resent-To',
  'Resent-Cc',
  'Resent-Message-ID',
]

/** Those that must not stand there twice, and that readers see or programs go by. */
export const OVERSIGN: readonly string[] = [
  'From',
  'To',
  'Cc',
  'Subject',
  'Date',
  'Reply-To',
  'Message-ID',
  'MIME-Version',
  'Content-Type',
  'Content-Transfer-Encoding',
]

/** Reads the options as they stand in the configuration. Throws OptionsError. */
export function parseSignOptions(raw: unknown, hostname: string): SignOptions {
  const reader = new OptionsReader('sign', raw)
  const own = keyOf({
    domain: reader.text('domain') ?? hostname,
    selector: reader.text('selector'),
    key: reader.text('key'),
  })
  const options: SignOptions = {
    keys: [own, ...reader.maps('keys').map(keyOf)],
    defaultDomain: domainOf(reader.text('defaultDomain')) ?? own.domain,
    directions: directionsOf('sign', reader.list('directions', ['outbound', 'internal'])),
    seal: directionsOf('sign', reader.list('seal', [])),
    sealDomain: domainOf(reader.text('sealDomain')),
    ...fieldsOf(reader),
    lifetimeMs: lifetimeOf(reader),
  }
  reader.done()
  check(options)
  return options
}

/** What is oversigned is signed. */
function fieldsOf(reader: OptionsReader): Pick<SignOptions, 'fields' | 'oversign'> {
  const oversign = reader.list('oversign', OVERSIGN)
  const fields = new Map([...reader.list('fields', FIELDS), ...oversign].map((name) => [name.toLowerCase(), name]))
  return { fields: [...fields.values()], oversign }
}

const HOUR_MS = 3_600_000

function lifetimeOf(reader: OptionsReader): number | null {
  return reader.number('lifetime', HOUR_MS, 10_000 * HOUR_MS, null)
}

function check({ keys, defaultDomain, sealDomain, seal, fields, oversign }: SignOptions): void {
  const has = (domain: string) => keys.some((key) => key.domain === domain)
  if (!has(defaultDomain)) throw new OptionsError(`sign: there is no key for ${defaultDomain}`)
  if (seal.length > 0 && !has(sealDomain ?? defaultDomain))
    throw new OptionsError('sign: seal: there is no key for the domain that seals')
  if (!fields.some((name) => name.toLowerCase() === 'from'))
    throw new OptionsError('sign: fields: From is always signed (RFC 6376 section 5.4)')
  const wrong = [...fields, ...oversign].find((name) => !/^[!-9;-~]{1,76}$/.test(name) || name.includes(';'))
  if (wrong !== undefined) throw new OptionsError(`sign: '${wrong}' is no name of a header field that can be signed`)
}

const SELECTOR = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/

function keyOf(given: Readonly<Record<string, unknown>>): KeyOptions {
  const { domain, selector, key, activeFrom = null, clients = null } = given
  if (typeof selector !== 'string' || !SELECTOR.test(selector)) throw new OptionsError('sign: a key needs a selector')
  if (typeof key !== 'string') throw new OptionsError(`sign: the key ${selector} has no path`)
  const name = domainOf(typeof domain === 'string' ? domain : null)
  if (name === null) throw new OptionsError(`sign: the key ${selector} has no domain`)
  return { domain: name, selector, file: key, activeFrom: timeOf(activeFrom), clients: clientsOf(clients) }
}

function clientsOf(given: unknown): readonly string[] | null {
  if (given === null) return null
  if (Array.isArray(given) && given.every((name) => typeof name === 'string')) return given
  throw new OptionsError('sign: clients: expected a list of names')
}

function timeOf(given: unknown): number {
  if (given === null) return 0
  const time = typeof given === 'number' ? given : Date.parse(String(given))
  if (Number.isNaN(time)) throw new OptionsError(`sign: activeFrom: expected a date, found '${String(given)}'`)
  return time
}

function domainOf(text: string | null): string | null {
  if (text === null) return null
  const domain = parseDomain(text)
  if (domain === null) throw new OptionsError(`sign: expected a domain, found '${text}'`)
  return domain
}

import { isIP } from 'node:net'
import { type Address, parseAddress, parseDomain } from '../mail/address.ts'
import { type HostPort, parseHostPort } from './endpoint.ts'
import { type Field, forms, refined, shapeOf, value } from './fields.ts'
import { type Network, parseNetwork } from './network.ts'
import {
  type Duration,
  formatDuration,
  formatSize,
  type Rate,
  readDuration,
  readPercent,
  readRate,
  readSize,
  type Share,
  type Size,
} from './values.ts'

/** The kinds of scalar that keys hold, each with its bounds and the words for them. */

export function integer(min: number, max: number, unit = ''): Field<number> {
  const what = unit === '' ? 'a whole number' : `a whole number of ${unit}`
  const read = (input: unknown) =>
    Number.isSafeInteger(input) && within(input as number, min, max) ? (input as number) : undefined
  const bounds = `${min} to ${max.toLocaleString('en-GB')}`
  return value(`${what}, ${bounds}`, read, unit === '' ? bounds : `${bounds} ${unit}`)
}

/** `min` and `max` as they are written: `1m`, `30d`. */
export function duration(min: string, max: string): Field<Duration> {
  const [low, high] = [bound(readDuration(min === '0' ? 0 : min)), bound(readDuration(max))]
  const bounds = `${formatDuration(low)} to ${formatDuration(high)}`
  const expects = `a duration such as 500ms, 30s, 5m, 4h or 5d, ${bounds}`
  return value(expects, (input) => bounded(readDuration(input), low, high), `duration, ${bounds}`)
}

export function size(min: string, max: string): Field<Size> {
  const [low, high] = [bound(readSize(min)), bound(readSize(max))]
  const bounds = `${formatSize(low)} to ${formatSize(high)}`
  const expects = `a size such as 64KiB, 35MiB or 2GiB, ${bounds}`
  return value(expects, (input) => bounded(readSize(input), low, high), `size, ${bounds}`)
}

export const rate = (): Field<Rate> =>
  value('a rate such as 30/minute (per second, minute, hour or day)', readRate, 'rate')

export function percent(min: number, max: number): Field<Share> {
  return value(
    `a percentage, ${min}% to ${max}%`,
    (input) => bounded(readPercent(input), min / 100, max / 100),
    `${min}% to ${max}%`,
  )
}

export const flag = (): Field<boolean> =>
  value('true or false', (input) => (typeof input === 'boolean' ? input : undefined))

export function choice<const T extends string>(...choices: readonly T[]): Field<T> {
  return value(choices.length === 1 ? `${choices[0]}` : orList(choices), (input) => choices.find((c) => c === input))
}

/** Text of 1 to `max` characters on one line. */
export function text(max: number): Field<string> {
  const read = (input: unknown) => (isLine(input, max) ? input : undefined)
  return value(`text on one line, at most ${max} characters`, read, 'text')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const CONTROL = /[\u0000-\u001f\u007f]/
const isLine = (input: unknown, max: number): input is string =>
  typeof input === 'string' && input.length > 0 && input.length <= max && !CONTROL.test(input)

export function pattern(expects: string, shape: RegExp): Field<string> {
  return value(expects, (input) => (typeof input === 'string' && shape.test(input) ? input : undefined))
}

/** A domain name, as lower-case A-labels. */
export const domain = (): Field<string> => value('a domain name such as example.test', readDomain, 'domain name')

/** A domain name, or one with a leading dot for all names below it. */
export const domainOrBelow = (): Field<string> =>
  value('a domain name such as example.test, or .example.test for all names below it', (input) => {
    if (typeof input !== 'string' || !input.startsWith('.')) return readDomain(input)
    const name = readDomain(input.slice(1))
    return name === undefined ? undefined : `.${name}`
  })

function readDomain(input: unknown): string | undefined {
  const name = typeof input === 'string' && !input.startsWith('[') ? parseDomain(input) : null
  // No top-level domain is a number: it is an address, or part of one
  return name === null || /(?:^|\.)\d+$/.test(name) ? undefined : name
}

export const mailbox = (): Field<Address> =>
  value(
    'an e-mail address',
    (input) => (typeof input === 'string' ? (parseAddress(input, { utf8: true }) ?? undefined) : undefined),
    'e-mail address',
  )

export const network = (): Field<Network> =>
  value(
    'a network such as 10.20.0.0/24, 2001:db8::/32 or 10.1.2.3, with no bits set after the prefix',
    parseNetwork,
    'networks in CIDR notation, or addresses',
  )

export const ipAddress = (family?: 4 | 6): Field<string> => {
  const what = family === undefined ? 'IP address' : `IPv${family} address`
  const read = (input: unknown) => {
    const found = typeof input === 'string' ? isIP(input) : 0
    return found !== 0 && (family === undefined || found === family) ? (input as string) : undefined
  }
  return value(`an ${what}`, read, what)
}

export const hostPort = (defaultPort: number): Field<HostPort> =>
  value(
    `a host or host:port (port ${defaultPort} if not given), IPv6 in brackets`,
    (input) => parseHostPort(input, defaultPort),
    'host:port',
  )

/** An IP address and a port, where a name would have to be looked up first. */
export const ipPort = (defaultPort: number): Field<HostPort> =>
  value('an IP address, or address:port (IPv6 in brackets)', (input) => {
    const found = parseHostPort(input, defaultPort)
    return found !== undefined && isIP(found.host) !== 0 ? found : undefined
  })

/** SHA-256 of a certificate (DER), as lower-case hex without colons. */
export const fingerprint = (): Field<string> => {
  const read = (input: unknown) => {
    const hex = typeof input === 'string' ? input.replaceAll(':', '').toLowerCase() : ''
    return /^[0-9a-f]{64}$/.test(hex) ? hex : undefined
  }
  return value('a SHA-256 fingerprint: 64 hex digits, with or without colons', read, 'SHA-256 in hex')
}

/** A field that may be `off`, which gives null. YAML 1.1 habits make `off` a boolean; both are taken. */
export function orOff<T>(field: Field<T>): Field<T | null> {
  const isOff = (input: unknown) => input === 'off' || input === false
  const off = value<T | null>('off', () => null)
  const on = refined(field, (found): T | null => found)
  const { expects, brief } = wordsOf(field)
  return forms(`${expects}, or off`, field, (input) => (isOff(input) ? off : on), `${brief}, or off`)
}

function wordsOf(field: Field<unknown>): { expects: string; brief: string } {
  const shape = shapeOf(field)
  return shape.is === 'value' ? shape : { expects: 'a value', brief: 'a value' }
}

const within = (found: number, min: number, max: number): boolean => found >= min && found <= max

const bounded = (found: number | undefined, min: number, max: number): number | undefined =>
  found !== undefined && within(found, min, max) ? found : undefined

function bound(found: number | undefined): number {
  if (found === undefined) throw new Error('a bound in the schema cannot be read')
  return found
}

const orList = (words: readonly string[]): string => `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`

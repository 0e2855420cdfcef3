import { getCiphers } from 'node:tls'
import { parseDomain } from '../../mail/address.ts'
import type { SecureDomain } from '../../mail/secure-domain.ts'
import { formatHostPort, parseHostPort } from '../endpoint.ts'

/** The columns of the register: what each takes, in words and in code. The order is that of a new file. */

export interface Column<T> {
  /** Completes "expected …". */
  readonly expects: string
  /** Undefined for what it does not take. */
  read(text: string): T | undefined
}

const column = <T>(expects: string, read: (text: string) => T | undefined): Column<T> => ({ expects, read })

const word = <const T extends string>(...words: readonly T[]): Column<T> => {
  const expects = words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
  return column(expects, (text) => words.find((each) => each === text.toLowerCase()))
}

const optional = <T>(inner: Column<T>): Column<T | null> =>
  column(`${inner.expects}, or nothing`, (text) => (text === '' ? null : inner.read(text)))

const DOMAIN = 'a domain name such as example.test; subdomains says whether the names below it are meant, too'

const domain = column(DOMAIN, (text) => (text.startsWith('[') ? undefined : (parseDomain(text) ?? undefined)))

const yesOrNo = word('yes', 'no')

const fingerprints = column('SHA-256 fingerprints of certificates, 64 hex digits each, with spaces between', (text) => {
  const found = words(text, / +/).map((each) => each.replaceAll(':', '').toLowerCase())
  return found.length <= MOST_FINGERPRINTS && found.every((hex) => /^[0-9a-f]{64}$/.test(hex)) ? found : undefined
})

const MOST_FINGERPRINTS = 100

const words = (text: string, separator: RegExp): string[] => text.split(separator).filter((each) => each !== '')

const tlsVersion = column('TLSv1.2 or TLSv1.3', (text) =>
  (['TLSv1.2', 'TLSv1.3'] as const).find((each) => each.toLowerCase() === text.toLowerCase()),
)

const ciphers = optional(
  column("OpenSSL's names of cipher suites such as TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384", (text) => {
    const found = words(text, /[: ]+/).map((each) => each.toUpperCase())
    return found.length > 0 && found.every((name) => knownCiphers().has(name)) ? found : undefined
  }),
)

// suites of shared secrets prove no certificate
let known: ReadonlySet<string> | undefined
const knownCiphers = (): ReadonlySet<string> =>
  (known ??= new Set(
    getCiphers()
      .filter((name) => !/(^|-)(psk|srp)-/.test(name))
      .map((name) => name.toUpperCase()),
  ))

const nextHop = optional(
  column('a host or host:port (port 25 if not given), IPv6 in brackets', (text) => {
    const found = parseHostPort(text, 25)
    return found === undefined || found.port === 0 ? undefined : found
  }),
)

const DAY = /^(2\d{3})-(\d{2})-(\d{2})$/

/** `2027-05-31` as midnight UTC, milliseconds since 1970; undefined for what is no day. */
export function readDay(text: string): number | undefined {
  if (!DAY.test(text)) return undefined
  const at = Date.parse(`${text}T00:00:00Z`)
  // 2027-02-30 may be read as a day in March
  return Number.isNaN(at) || formatDay(at) !== text ? undefined : at
}

export const formatDay = (at: number): string => new Date(at).toISOString().slice(0, 10)

const day = column('a day such as 2027-05-31', readDay)

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const NOT_A_NAME = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd]|^[=+@-]/
const LONGEST_NAME = 200

// a spreadsheet would take what begins with = + - @ for something to calculate
const person = column(`who it is, in at most ${LONGEST_NAME} characters, not beginning with = + - or @`, (text) => {
  const name = text.normalize('NFC').replace(/\s+/g, ' ').trim()
  return name === '' || name.length > LONGEST_NAME || NOT_A_NAME.test(text) || NOT_A_NAME.test(name) ? undefined : name
})

export const COLUMNS = {
  domain,
  subdomains: yesOrNo,
  requirement: word('verified', 'dane', 'pinned'),
  fingerprints,
  'min-tls': tlsVersion,
  ciphers,
  'next-hop': nextHop,
  owner: person,
  'reviewed-on': day,
  'expires-on': day,
  'approver-1': person,
  'approver-2': person,
  status: word('active', 'retired'),
} as const

type ColumnTable = typeof COLUMNS
export type ColumnName = keyof ColumnTable
export const COLUMN_NAMES = Object.keys(COLUMNS) as readonly ColumnName[]

/** A line whose fields are all right, each by itself. */
export type Row = { readonly [K in ColumnName]: ColumnTable[K] extends Column<infer T> ? T : never }

/** The text of each field of an entry. */
export function fieldsOf(entry: SecureDomain): Readonly<Record<ColumnName, string>> {
  const { requirement, nextHop, approvers } = entry
  return {
    domain: entry.domain,
    subdomains: entry.subdomains ? 'yes' : 'no',
    requirement: requirement.prove,
    fingerprints: requirement.fingerprints.join(' '),
    'min-tls': requirement.minTls,
    ciphers: requirement.ciphers?.join(':') ?? '',
    'next-hop': nextHop === null ? '' : formatHostPort(nextHop),
    owner: entry.owner,
    'reviewed-on': formatDay(entry.reviewedOn),
    'expires-on': formatDay(entry.expiresOn),
    'approver-1': approvers[0],
    'approver-2': approvers[1],
    status: entry.status,
  }
}

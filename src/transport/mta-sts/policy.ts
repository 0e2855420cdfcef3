import { parseDomain } from '../../mail/address.ts'

/** A policy of a domain, RFC 8461 section 3.2. */
export interface StsPolicy {
  readonly mode: 'enforce' | 'testing' | 'none'
  /** Lower-case A-labels, or `*.` and such: one label more. At most `MAX_PATTERNS`; empty only with `none`. */
  readonly mx: readonly string[]
  /** Seconds. */
  readonly maxAge: number
}

export type ParsedPolicy =
  | { readonly ok: true; readonly policy: StsPolicy }
  /** What is wrong, in words. */
  | { readonly ok: false; readonly why: string }

export const MAX_PATTERNS = 200
/** RFC 8461 section 3.2: a year and a bit, in seconds. */
export const MAX_AGE_LIMIT = 31_557_600

/** Reads the TXT records of `_mta-sts.DOMAIN`: the id of the policy, or null if there is no valid one, or more than one. RFC 8461 section 3.1. */
export function policyId(records: readonly string[]): string | null {
  const marked = records.filter((record) => /^v=STSv1[\t ]*;/.test(record))
  const [record] = marked
  if (marked.length !== 1 || record === undefined || record.length > 1000) return null
  const fields = record
    .split(';')
    .slice(1)
    .map((field) => field.trim())
  const id = fields.find((field) => field.startsWith('id='))?.slice(3) ?? ''
  return /^[A-Za-z0-9]{1,32}$/.test(id) ? id : null
}

/** Reads a policy file. Unknown keys are for later versions and count for nothing; whatever else is odd makes the whole invalid. */
export function parsePolicy(text: string): ParsedPolicy {
  const fields = new Map<string, string[]>()
  for (const line of text.split(/\r?\n/)) {
    if (/^[\t ]*$/.test(line)) continue
    const [, key, value] = /^([A-Za-z0-9][\w.-]{0,31})[\t ]*:[\t ]*(.*?)[\t ]*$/.exec(line) ?? []
    if (key === undefined || value === undefined) return wrong('a line is not "key: value"')
    fields.set(key, [...(fields.get(key) ?? []), value])
    if (fields.size > 100 || (fields.get(key)?.length ?? 0) > MAX_PATTERNS) return wrong('it has too many lines')
  }
  return fromFields(fields)
}

/** RFC 8461 section 3.2: of a key that stands twice, other than mx, the first counts. */
function fromFields(fields: ReadonlyMap<string, readonly string[]>): ParsedPolicy {
  const only = (key: string) => fields.get(key)?.[0]
  if (only('version') !== 'STSv1') return wrong('its version is not STSv1')
  const mode = only('mode')
  if (mode !== 'enforce' && mode !== 'testing' && mode !== 'none')
    return wrong('its mode is not enforce, testing or none')
  const age = only('max_age') ?? ''
  if (!/^\d{1,10}$/.test(age)) return wrong('its max_age is not a number of seconds')
  const mx = (fields.get('mx') ?? []).map(readPattern)
  if (mx.includes(null)) return wrong('an mx is not a host name')
  if (mx.length === 0 && mode !== 'none') return wrong('it names no mx')
  const maxAge = Math.min(Number(age), MAX_AGE_LIMIT)
  return { ok: true, policy: { mode, mx: mx.filter((pattern) => pattern !== null), maxAge } }
}

const wrong = (why: string): ParsedPolicy => ({ ok: false, why })

function readPattern(text: string): string | null {
  const star = text.startsWith('*.') ? '*.' : ''
  const domain = parseDomain(text.slice(star.length).replace(/\.$/, ''))
  return domain === null || domain.startsWith('[') ? null : star + domain
}

/** Whether a policy names this exchanger. `*.example.test` is one label more and no two, RFC 8461 section 4.1. */
export function namesExchanger({ mx }: StsPolicy, host: string): boolean {
  const above = host.slice(host.indexOf('.') + 1)
  return mx.some((pattern) =>
    pattern.startsWith('*.') ? host.includes('.') && pattern.slice(2) === above : pattern === host,
  )
}

/** The lines of a policy as a TLS report cites them, RFC 8460 section 4.2. */
export const policyLines = ({ mode, mx, maxAge }: StsPolicy): string[] => [
  'version: STSv1',
  `mode: ${mode}`,
  ...mx.map((pattern) => `mx: ${pattern}`),
  `max_age: ${maxAge}`,
]

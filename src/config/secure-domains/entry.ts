import type { SecureDomain } from '../../mail/secure-domain.ts'
import { COLUMN_NAMES, COLUMNS, type ColumnName, type Row } from './columns.ts'

/** What is wrong with a field, or with what it says beside another. */
export interface Fault {
  readonly column: ColumnName
  readonly message: string
  readonly expected: string | null
  readonly found: string | null
}

export type ReadEntry =
  | { readonly ok: true; readonly entry: SecureDomain }
  | { readonly ok: false; readonly faults: readonly Fault[] }

/** Reads an entry from the text of its fields. Every fault is named, not only the first. */
export function readEntry(fields: Readonly<Record<ColumnName, string>>): ReadEntry {
  const faults: Fault[] = []
  const found: Partial<Record<ColumnName, unknown>> = {}
  for (const name of COLUMN_NAMES) {
    found[name] = COLUMNS[name].read(fields[name])
    if (found[name] === undefined) faults.push(wrongField(name, fields[name]))
  }
  if (faults.length > 0) return { ok: false, faults }
  const row = found as Row
  const contradictions = [...contradictionsOf(row)]
  return contradictions.length > 0 ? { ok: false, faults: contradictions } : { ok: true, entry: entryOf(row) }
}

function wrongField(name: ColumnName, text: string): Fault {
  const { expects } = COLUMNS[name]
  const found = text === '' ? 'nothing' : `'${shortened(text)}'`
  return { column: name, message: `expected ${expects}; found ${found}`, expected: expects, found }
}

const LONGEST = 60
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g

/** Text of the file as it may stand in a message. */
export function shortened(text: string): string {
  const clean = text.replace(CONTROL, ' ')
  return clean.length > LONGEST ? `${clean.slice(0, LONGEST)}…` : clean
}

function* contradictionsOf(row: Row): Iterable<Fault> {
  const fault = (column: ColumnName, message: string): Fault => ({ column, message, expected: null, found: null })
  if (row['expires-on'] <= row['reviewed-on']) yield fault('expires-on', 'expected a day after reviewed-on')
  if (samePerson(row['approver-1'], row['approver-2'])) {
    yield fault('approver-2', 'expected another person than approver-1: two people approve each entry')
  }
  const pinned = row.requirement === 'pinned'
  if (pinned && row.fingerprints.length === 0) {
    yield fault('fingerprints', 'expected at least one fingerprint, for the requirement is pinned')
  }
  if (!pinned && row.fingerprints.length > 0) {
    yield fault(
      'fingerprints',
      `expected nothing: only pinned looks at fingerprints, and this entry is ${row.requirement}`,
    )
  }
  if (row['min-tls'] === 'TLSv1.3' && row.ciphers?.every((name) => !name.startsWith('TLS_'))) {
    yield fault('ciphers', 'expected at least one suite of TLS 1.3 (TLS_…), for min-tls is TLSv1.3')
  }
}

const samePerson = (one: string, other: string): boolean => personKey(one) === personKey(other)
const personKey = (name: string): string =>
  name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s.]+/g, '')

const entryOf = (row: Row): SecureDomain => ({
  domain: row.domain,
  subdomains: row.subdomains === 'yes',
  requirement: {
    prove: row.requirement,
    fingerprints: row.fingerprints,
    minTls: row['min-tls'],
    ciphers: row.ciphers,
  },
  nextHop: row['next-hop'],
  owner: row.owner,
  reviewedOn: row['reviewed-on'],
  expiresOn: row['expires-on'],
  approvers: [row['approver-1'], row['approver-2']],
  status: row.status,
})

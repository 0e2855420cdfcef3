import type { DnsAnswer } from '../../net/dns.ts'
import type { RecordPurpose, WantedRecord } from './records.ts'

/** What the DNS holds, beside what it should. `unknown`: it cannot be told from here. */
export interface Judged {
  readonly is: 'ok' | 'missing' | 'different' | 'unknown'
  /** What is there, as in a zone file without quotes. */
  readonly found: readonly string[]
  /** What is wrong, or why it cannot be told; where it is well, what is worth knowing. */
  readonly note: string | null
}

/** Records of one name and type that are looked at together. */
export interface Subject {
  readonly of: string
  readonly purpose: RecordPurpose
  readonly name: string
  readonly type: WantedRecord['type']
  readonly records: readonly WantedRecord[]
}

/** What is said of a subject. */
export interface DnsFinding extends Judged, Omit<Subject, 'records'> {
  readonly wanted: readonly string[]
}

export const ok = (found: readonly string[], note: string | null = null): Judged => ({ is: 'ok', found, note })
export const missing = (note: string | null = null): Judged => ({ is: 'missing', found: [], note })
export const different = (found: readonly string[], note: string): Judged => ({ is: 'different', found, note })
export const cannotTell = (note: string, found: readonly string[] = []): Judged => ({ is: 'unknown', found, note })

/** What can be said without records: undefined where there are some. */
export function without(answer: DnsAnswer<unknown>): Judged | undefined {
  if (answer.is === 'failed') return cannotTell(`the DNS does not answer: ${answer.cause}`)
  return answer.is === 'none' ? missing() : undefined
}

/** The texts of an answer that are of a kind, and what can be said if it is not exactly one. */
export function onlyText(
  answer: DnsAnswer<string>,
  kind: RegExp,
): { readonly text: string } | { readonly judged: Judged } {
  if (answer.is !== 'found') return { judged: without(answer) ?? missing() }
  const found = answer.records.filter((text) => kind.test(text))
  const [text] = found
  if (text === undefined) return { judged: missing() }
  if (found.length === 1) return { text }
  return { judged: different(found, 'there are several, and others take that for none') }
}

/** What a record is for. */
export type RecordPurpose =
  | 'address'
  | 'ptr'
  | 'tlsa'
  | 'mx'
  | 'spf'
  | 'dkim'
  | 'dmarc'
  | 'dmarc-consent'
  | 'mta-sts'
  | 'mta-sts-host'
  | 'tls-rpt'

/** A record that should stand in the DNS. */
export interface WantedRecord {
  readonly purpose: RecordPurpose
  /** Lower-case A-labels, without the final dot. */
  readonly name: string
  readonly type: 'A' | 'AAAA' | 'PTR' | 'TLSA' | 'MX' | 'TXT' | 'CNAME'
  /** TXT: the text as a whole; names without the final dot; else as in a zone file. */
  readonly value: string
  /** False: something in it is not known here, stands there in capitals, and must be filled in. */
  readonly complete: boolean
  /** A sentence for whoever publishes it; null where there is nothing to say. */
  readonly comment: string | null
}

/** The records of the server itself, or of a domain. */
export interface RecordGroup {
  readonly of: string
  readonly records: readonly WantedRecord[]
  /** What is not published for it, and what would change that. */
  readonly remarks: readonly string[]
}

// RFC 1035 section 3.3: a character-string has at most 255 octets
const LONGEST_STRING = 255

/** A record's data as it stands in a zone file. */
export function zoneData({ type, value }: Pick<WantedRecord, 'type' | 'value'>): string {
  if (type === 'TXT') return quoted(value)
  return type === 'MX' || type === 'PTR' || type === 'CNAME' ? `${value}.` : value
}

/** Text as strings of 255 octets at the most, which whoever reads it puts together again. */
function quoted(text: string): string {
  const octets = Buffer.from(text, 'utf8').toString('latin1')
  const strings = octets.match(new RegExp(`[^]{1,${LONGEST_STRING}}`, 'g')) ?? ['']
  return strings.map((string) => `"${string.replace(/[^ !#-[\]-~]/g, escaped)}"`).join(' ')
}

/** RFC 1035 section 5.1. */
const escaped = (character: string): string =>
  character === '"' || character === '\\'
    ? `\\${character}`
    : `\\${character.charCodeAt(0).toString().padStart(3, '0')}`

/** A record as a line of a zone file, without its lifetime; what must be filled in first is a comment. */
export const zoneLine = (record: WantedRecord): string =>
  `${record.complete ? '' : '; '}${record.name}. IN ${record.type} ${zoneData(record)}`

import { type Address, formatAddress } from './address.ts'
import { quotedPrintable, wrap } from './notification-part.ts'
import { messageDate } from './trace.ts'

/** A message that this service writes itself. */
export interface OwnText {
  readonly from: Address
  readonly to: readonly Address[]
  /** On one line; what is not ASCII becomes a question mark. */
  readonly subject: string
  /** Milliseconds since 1970. */
  readonly date: number
  /** With its angle brackets. */
  readonly messageId: string
  /** Further header fields, such as `['TLS-Report-Domain', 'example.org']`: ASCII. */
  readonly fields?: readonly (readonly [name: string, value: string])[]
  /** For people; lines end in `\n`. */
  readonly text: string
  /** A part behind the text. */
  readonly attached?: OwnAttachment
}

export interface OwnAttachment {
  /** Such as `application/gzip`. */
  readonly type: string
  /** ASCII without quotes. */
  readonly fileName: string
  readonly bytes: Buffer
  /** The whole message is a multipart of this kind: `mixed`, or `report; report-type="tlsrpt"`. */
  readonly within: string
  /** No line of the content. */
  readonly boundary: string
}

/** The message with CRLF line ends, in ASCII throughout (RFC 5322, RFC 2045), marked as automatic (RFC 3834 section 5). */
export function composeOwn(message: OwnText): Buffer {
  const { attached } = message
  const text = textPart(message.text)
  const header = headerOf(message)
  if (attached === undefined) return Buffer.from(`${[...header, ...text.fields].join('\r\n')}\r\n\r\n${text.body}`)
  const type = `Content-Type: multipart/${attached.within};\r\n\tboundary="${attached.boundary}"`
  const parts = [text, filePart(attached)].map(({ fields, body }) => `${fields.join('\r\n')}\r\n\r\n${body}`)
  const delimiter = `--${attached.boundary}`
  const body = `${parts.map((part) => `${delimiter}\r\n${part}\r\n`).join('')}${delimiter}--\r\n`
  return Buffer.from(`${[...header, type].join('\r\n')}\r\n\r\n${body}`)
}

const LINE = 76

const plain = (text: string): string => text.replace(/[^\x20-\x7e]+/g, '?')

function headerOf({ from, to, subject, date, messageId, fields = [] }: OwnText): string[] {
  return [
    `From: <${formatAddress(from)}>`,
    `To: ${to.map((address) => `<${formatAddress(address)}>`).join(',\r\n\t')}`,
    // folded at white space, as long names of domains make a long line (RFC 5322 section 2.2.3)
    wrap(`Subject: ${plain(subject)}`, LINE).join('\r\n '),
    `Date: ${messageDate(date)}`,
    `Message-ID: ${messageId}`,
    ...fields.map(([name, value]) => `${name}: ${plain(value)}`),
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
  ]
}

interface BuiltPart {
  readonly fields: readonly string[]
  readonly body: string
}

function textPart(text: string): BuiltPart {
  const bytes = Buffer.from(text.replace(/\r?\n/g, '\r\n'))
  const fields = ['Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: quoted-printable']
  return { fields, body: quotedPrintable(bytes).toString('latin1') }
}

function filePart({ type, fileName, bytes }: OwnAttachment): BuiltPart {
  const fields = [
    `Content-Type: ${type}`,
    'Content-Transfer-Encoding: base64',
    `Content-Disposition: attachment;\r\n\tfilename="${fileName}"`,
  ]
  return { fields, body: (bytes.toString('base64').match(/.{1,76}/g) ?? []).join('\r\n') }
}

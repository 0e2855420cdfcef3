import { bytesOf, takeApart } from '../../smime/header.ts'

/**
 * Fields that an encrypted message shows to everybody: who writes to whom and when, what describes its body,
 * and what relays add. Any other may tell what it is about, or whom.
 */
const SHOWN = new Set([
  ...['from', 'sender', 'reply-to', 'to', 'cc', 'date', 'message-id', 'in-reply-to', 'references', 'subject'],
  ...['resent-from', 'resent-sender', 'resent-to', 'resent-cc', 'resent-date', 'resent-message-id'],
  ...[
    'received',
    'return-path',
    'mime-version',
    'auto-submitted',
    'precedence',
    'importance',
    'priority',
    'x-priority',
  ],
  ...['disposition-notification-to', 'sensitivity', 'x-auto-response-suppress'],
])
const SHOWN_BEGINNINGS = ['content-', 'list-', 'x-postern-']

const isShown = (name: string): boolean =>
  SHOWN.has(name) || SHOWN_BEGINNINGS.some((beginning) => name.startsWith(beginning))

/** The message without the fields, and without the lines of its header that are none, that everybody need not see. */
export function withShownFields(message: Buffer): Buffer {
  const { header, body } = takeApart(message)
  const shown = header.fields.filter(({ name }) => isShown(name.toLowerCase()))
  return Buffer.concat([...shown.map((field) => bytesOf(header, field)), Buffer.from('\r\n'), body])
}

import { type Address, formatAddress, isAscii } from './address.ts'
import type { Recipient } from './envelope.ts'
import { messageGroup, recipientGroup, usesUtf8 } from './notification-fields.ts'
import { type Part, quotedPrintable } from './notification-part.ts'
import { originalMessageId, type Returned, returnedPart } from './notification-returned.ts'
import { explanation, subjectOf } from './notification-words.ts'
import { messageDate } from './trace.ts'

/** RFC 3464 section 2.3.3. */
export type NotificationAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'

/** What became of one recipient. */
export interface NotifiedRecipient {
  readonly address: Address
  /** ORCPT as it came, `addr-type;xtext`, or null. */
  readonly orcpt: string | null
  /** RFC 3463. */
  readonly status: string
  /** Name of the host that said so, where another host did. */
  readonly remote: string | null
  /** What was said: `smtp` by the other host in its reply, `x-postern` by this relay. */
  readonly diagnostic: { readonly type: 'smtp' | 'x-postern'; readonly text: string } | null
  /** Milliseconds since 1970, or null if it was never attempted. */
  readonly lastAttemptAt: number | null
  /** Milliseconds since 1970; only with `delayed`. */
  readonly willRetryUntil: number | null
}

/** A delivery status notification, before it is bytes. */
export interface Notification {
  readonly action: NotificationAction
  /** Our own name: the reporting MTA. */
  readonly hostname: string
  /** Who it comes from. */
  readonly from: Address
  /** The sender of the message that it is about. */
  readonly to: Address
  readonly recipients: readonly NotifiedRecipient[]
  readonly original: {
    readonly queueId: string
    /** ENVID, still xtext. */
    readonly envid: string | null
    /** Milliseconds since 1970. */
    readonly arrivedAt: number
    readonly smtputf8: boolean
  }
  readonly returned: Returned | null
  /** Milliseconds since 1970. */
  readonly date: number
  /** With its angle brackets. */
  readonly messageId: string
  /** A boundary that does not occur in what is returned: the caller draws it at random. */
  readonly boundary: string
}

export interface ComposedNotification {
  readonly bytes: Buffer
  /** Some byte is above 127: it must travel as BODY=8BITMIME. */
  readonly eightBit: boolean
  /** Its own header needs SMTPUTF8. */
  readonly smtputf8: boolean
}

/**
 * Whether the sender wants to hear of it, RFC 3461 section 4.1. Where nothing was said, failures
 * and delays are told and successes are not (section 4.1, "may be" for delays: we do).
 */
export function isNotifyWanted({ notify }: Recipient, event: 'success' | 'failure' | 'delay'): boolean {
  return notify === null ? event !== 'success' : notify.includes(event)
}

/**
 * Composes a report as RFC 3464 and RFC 6522 define it: for people, for programs, and what is
 * returned of the message; with the media types of RFC 6533 where characters above ASCII occur.
 * To be sent with the null reverse-path.
 */
export function composeNotification(notification: Notification): ComposedNotification {
  const { boundary, returned } = notification
  const parts = [humanPart(notification), statusPart(notification)]
  if (returned !== null) parts.push(returnedPart(returned, notification.original.smtputf8))
  const chunks: Buffer[] = [Buffer.from(`${headerOf(notification).join('\r\n')}\r\n\r\n`)]
  for (const part of parts)
    chunks.push(Buffer.from(`--${boundary}\r\n${part.fields.join('\r\n')}\r\n\r\n`), part.body, CRLF)
  chunks.push(Buffer.from(`--${boundary}--\r\n`))
  const bytes = Buffer.concat(chunks)
  return { bytes, eightBit: bytes.some((byte) => byte > 127), smtputf8: !isAscii(formatAddress(notification.to)) }
}

const CRLF = Buffer.from('\r\n')

function headerOf(notification: Notification): string[] {
  const { from, to, date, messageId, boundary, returned } = notification
  const original = returned === null ? null : originalMessageId(returned.bytes)
  return [
    `From: "Mail delivery" <${formatAddress(from)}>`,
    `To: <${formatAddress(to)}>`,
    `Subject: ${subjectOf(notification)}`,
    `Date: ${messageDate(date)}`,
    `Message-ID: ${messageId}`,
    ...(original === null ? [] : [`In-Reply-To: ${original}`, `References: ${original}`]),
    // RFC 3834 section 5
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="${boundary}"`,
  ]
}

function humanPart(notification: Notification): Part {
  const text = explanation(notification)
  const fields = ['Content-Description: Notification', 'Content-Type: text/plain; charset=utf-8']
  if (isAscii(text)) return { fields, body: Buffer.from(text) }
  fields.push('Content-Transfer-Encoding: quoted-printable')
  return { fields, body: quotedPrintable(Buffer.from(text)) }
}

/** RFC 3464 section 2.1; RFC 6533 section 4 for its `global` kind, which prefers 8bit. */
function statusPart(notification: Notification): Part {
  const global = usesUtf8(notification)
  const groups = [messageGroup(notification), ...notification.recipients.map((r) => recipientGroup(notification, r))]
  const fields = ['Content-Description: Delivery report']
  if (global) fields.push('Content-Type: message/global-delivery-status', 'Content-Transfer-Encoding: 8bit')
  else fields.push('Content-Type: message/delivery-status')
  return { fields, body: Buffer.from(groups.map((group) => `${group.join('\r\n')}\r\n`).join('\r\n')) }
}

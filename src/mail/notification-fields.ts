import { formatAddress, isAscii } from './address.ts'
import type { Notification, NotifiedRecipient } from './notification.ts'
import { safeText, wrap } from './notification-part.ts'
import { messageDate } from './trace.ts'

// Characters of a reply that are passed on
const MAX_DIAGNOSTIC = 900
const WIDTH = 76

/** Whether the report needs RFC 6533: an address with characters above ASCII occurs in it. */
export function usesUtf8({ recipients }: Pick<Notification, 'recipients'>): boolean {
  return recipients.some(({ address }) => !isAscii(formatAddress(address)))
}

/** The fields about the message as a whole, RFC 3464 section 2.2. */
export function messageGroup({ hostname, original }: Notification): string[] {
  const fields = [`Reporting-MTA: dns; ${hostname}`]
  const envid = original.envid === null ? null : printable(decodeXtext(original.envid))
  if (envid !== null) fields.push(`Original-Envelope-Id: ${envid}`)
  fields.push(`Arrival-Date: ${messageDate(original.arrivedAt)}`, `X-Postern-Queue-Id: ${original.queueId}`)
  return fields
}

/** The fields about one recipient, RFC 3464 section 2.3. */
export function recipientGroup(notification: Notification, recipient: NotifiedRecipient): string[] {
  const global = usesUtf8(notification)
  const fields: string[] = []
  const original = recipient.orcpt === null ? null : originalRecipient(recipient.orcpt, global)
  if (original !== null) fields.push(`Original-Recipient: ${original}`)
  fields.push(`Final-Recipient: ${finalRecipient(recipient, global)}`)
  fields.push(`Action: ${notification.action}`, `Status: ${recipient.status}`)
  if (recipient.remote !== null) fields.push(`Remote-MTA: dns; ${safeText(recipient.remote, 255)}`)
  fields.push(...diagnosticField(recipient))
  if (recipient.lastAttemptAt !== null) fields.push(`Last-Attempt-Date: ${messageDate(recipient.lastAttemptAt)}`)
  // Section 2.3.9: only with delayed
  if (notification.action === 'delayed' && recipient.willRetryUntil !== null) {
    fields.push(`Will-Retry-Until: ${messageDate(recipient.willRetryUntil)}`)
  }
  return fields
}

function finalRecipient({ address }: NotifiedRecipient, global: boolean): string {
  const text = formatAddress(address)
  if (isAscii(text)) return `rfc822; ${text}`
  return `utf-8; ${global ? text : escaped(text)}`
}

/**
 * ORCPT as a field, its xtext decoded (RFC 3461 section 6.3 (b)). What would break the field when
 * decoded stays encoded.
 */
function originalRecipient(orcpt: string, global: boolean): string | null {
  const [, type = '', value = ''] = /^([A-Za-z0-9-]{1,40});(.{1,500})$/.exec(orcpt) ?? []
  if (type === '') return null
  const decoded = decodeXtext(value)
  if (type.toLowerCase() !== 'utf-8') return `${type}; ${printable(decoded) ?? value}`
  const text = safeText(unescaped(decoded), 500)
  return `${type}; ${global ? text : escaped(text)}`
}

/** In ASCII whatever the report is in: then its lines are as long as they look. */
function diagnosticField({ diagnostic }: NotifiedRecipient): string[] {
  if (diagnostic === null) return []
  const text = safeText(diagnostic.text, MAX_DIAGNOSTIC).replace(/[^\x20-\x7e]/gu, '?')
  return [wrap(`Diagnostic-Code: ${diagnostic.type}; ${text}`, WIDTH).join('\r\n ')]
}

const printable = (text: string): string | null => (/^[\x20-\x7e]+$/.test(text) ? text : null)

/** RFC 3461 section 4; the octets are read as UTF-8. A `+` that starts no code stands for itself. */
export function decodeXtext(text: string): string {
  if (!text.includes('+')) return text
  const octets = text.replace(/\+([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return isLatin1(octets) ? Buffer.from(octets, 'latin1').toString('utf8') : octets
}

const isLatin1 = (text: string): boolean => Buffer.from(text, 'latin1').toString('latin1') === text

/** RFC 6533 section 3: a character above ASCII as `\x{HEX}`. */
const escaped = (text: string): string =>
  text.replace(/[^\x20-\x7e]/gu, (c) => `\\x{${(c.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`)

const unescaped = (text: string): string =>
  text.replace(/\\x\{([0-9A-Fa-f]{1,6})\}/g, (whole, hex: string) => {
    const code = parseInt(hex, 16)
    const valid = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
    return valid ? String.fromCodePoint(code) : whole
  })

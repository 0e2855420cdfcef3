import { formatAddress } from './address.ts'
import type { Notification, NotifiedRecipient } from './notification.ts'
import { safeText, wrap } from './notification-part.ts'
import { messageDate } from './trace.ts'

const WIDTH = 72
const MAX_REPLY = 500

const SUBJECTS = {
  failed: 'Your message could not be delivered',
  delayed: 'Your message is delayed',
  delivered: 'Your message was delivered',
  relayed: 'Your message was passed on',
  expanded: 'Your message was passed on to a list',
} as const

/** Never the subject of the message itself: a report may travel less well protected than the message did. */
export const subjectOf = ({ action }: Pick<Notification, 'action'>): string => SUBJECTS[action]

/** The part for people: which address, what happened, what to do, and what was said. CRLF line ends. */
export function explanation(notification: Notification): string {
  const lines = [
    ...paragraph(`This is the mail relay ${notification.hostname}.`),
    ...paragraph(opening(notification)),
    ...notification.recipients.flatMap((recipient) => aboutRecipient(notification, recipient)),
    ...paragraph(advice(notification)),
    ...paragraph(
      `If you ask your IT service desk for help, send them this whole notification. ` +
        `Its reference is ${notification.original.queueId}.`,
    ),
  ]
  return lines.join('\r\n')
}

const paragraph = (text: string): string[] => (text === '' ? [] : [...wrap(text, WIDTH), ''])

function opening({ action, original, recipients }: Notification): string {
  const to = recipients.length === 1 ? 'this address' : 'these addresses'
  const message = `Your message of ${messageDate(original.arrivedAt)}`
  if (action === 'failed') return `${message} could not be delivered to ${to}. It will not be tried again.`
  if (action === 'delayed') return `${message} has not reached ${to} yet. It is not lost: we keep trying.`
  if (action === 'delivered') return `${message} was delivered to ${to}.`
  if (action === 'expanded') return `${message} was passed on to everybody behind ${to}.`
  return (
    `${message} was passed on to the next mail server for ${to}. ` +
    'That server does not confirm deliveries, so you will hear no more of it unless it fails.'
  )
}

function advice({ action, recipients }: Notification): string {
  if (action === 'failed') {
    return 'If the message is urgent, please reach the recipient in another way, for example by telephone.'
  }
  if (action !== 'delayed') return ''
  const until = recipients[0]?.willRetryUntil ?? null
  return (
    'You need not send it again. ' +
    `We try ${until === null ? 'for some days' : `until ${messageDate(until)}`} and tell you if it cannot be delivered. ` +
    'If the message is urgent, please reach the recipient in another way, for example by telephone.'
  )
}

function aboutRecipient({ action }: Notification, recipient: NotifiedRecipient): string[] {
  const lines = [`  ${formatAddress(recipient.address)}`]
  if (action === 'failed' || action === 'delayed') {
    lines.push(...indented(meaning(action, recipient)), ...said(recipient))
  }
  return [...lines, '']
}

function said({ diagnostic, remote }: NotifiedRecipient): string[] {
  if (diagnostic === null) return []
  const by =
    diagnostic.type === 'smtp' && remote !== null ? `The server ${safeText(remote, 255)} said:` : 'The reason is:'
  return [...indented(by), ...indented(safeText(diagnostic.text, MAX_REPLY))]
}

const indented = (text: string): string[] => wrap(text, WIDTH - 6).map((line) => `      ${line}`)

function meaning(action: 'failed' | 'delayed', { status, diagnostic }: NotifiedRecipient): string {
  const detail = status.slice(2)
  const own = diagnostic?.type === 'x-postern' ? OWN_POLICY[action][detail] : undefined
  if (own !== undefined) return own
  if (action === 'delayed')
    return DELAYS[detail] ?? 'The server that receives mail for this address did not take it yet.'
  return (
    FAILURES[detail] ??
    FAILURES[detail.replace(/\..*/, '')] ??
    'The server that receives mail for this address refused it.'
  )
}

// What we refuse ourselves must send nobody to the recipient, who knows nothing of it
const REFUSED = 'The rules of this mail relay do not let the message through. Please ask your IT service desk.'
const NO_WAY = 'This mail relay has found no way there yet that its rules allow.'
const OWN_POLICY: Readonly<Record<'failed' | 'delayed', Readonly<Record<string, string>>>> = {
  failed: { '7.0': REFUSED, '7.1': REFUSED },
  delayed: { '7.1': NO_WAY, '7.5': NO_WAY, '7.10': NO_WAY },
}

const DELAYS: Readonly<Record<string, string>> = {
  '2.2': 'The mailbox is full.',
  '4.1': 'The server that receives mail for this address does not answer.',
  '4.3': 'Where mail for this address goes cannot be found out at the moment.',
}

/** By subject and detail of RFC 3463's status, then by subject alone. */
const FAILURES: Readonly<Record<string, string>> = {
  '1.1':
    'There is no mailbox with this address. Please check its spelling, or ask the recipient for the right address.',
  '1.2': 'The part after the @ does not exist. Please check its spelling, or ask the recipient for the right address.',
  '1.3': 'This is not a complete address. Please check its spelling.',
  '1.6': 'The recipient has moved, and there is no new address to send to. Please ask for the new address.',
  '1.10':
    'The part after the @ does not take mail. Please check its spelling, or ask the recipient for the right address.',
  '2.1': 'The mailbox is closed and takes no mail.',
  '2.2': 'The mailbox is full. Please ask the recipient to make room, then send the message again.',
  '2.3': 'The message is too large for this mailbox. Please send it in smaller parts.',
  '3.4': 'The message is too large for the receiving server. Please send it in smaller parts.',
  '4.6': 'The mail goes round in a circle. This is a fault in the set-up; your IT service desk can have it put right.',
  '4.7': 'The receiving server could not be reached, or did not take the message, for as long as we may try.',
  '6.1': 'The receiving server cannot take a message of this kind.',
  '6.3': 'The receiving server cannot take a message of this kind.',
  '6.7': 'The receiving server cannot take addresses with letters outside English.',
  '7.1': 'The receiving server refuses this message by its rules. Please ask the recipient, or your IT service desk.',
  '7.10': 'The message may only travel encrypted, and the receiving server does not offer that.',
  '7.30': 'The message may only travel over a protected path, and the receiving server does not offer one.',
  1: 'The receiving server does not take mail for this address. Please check its spelling.',
  2: 'The mailbox cannot take the message.',
  4: 'The receiving server could not be reached.',
  6: 'The receiving server cannot take the content of this message.',
  7: 'The receiving server refuses this message by its rules. Please ask the recipient, or your IT service desk.',
}

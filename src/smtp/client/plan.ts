import { formatPath, isAscii, needsUtf8 } from '../../mail/address.ts'
import type { Envelope, NotifyCondition, Recipient, ReversePath } from '../../mail/envelope.ts'
import { type Reply, reply } from '../../mail/reply.ts'
import type { ClientTlsFacts, RecipientReply } from './contract.ts'
import { type Facts, isInternational } from './facts.ts'
import type { Extensions } from './hello.ts'

/** A transaction as it will be said to one peer. */
export interface Plan {
  /** The MAIL command, CRLF included. */
  readonly mail: string
  readonly rcpts: readonly PlannedRecipient[]
  /** By index in the envelope: what is settled without asking the peer. */
  readonly settled: (RecipientReply | null)[]
}

export interface PlannedRecipient {
  readonly index: number
  readonly command: string
}

/** What the other side is able to do, and what we are to do where it is not. */
export interface Peer {
  readonly extensions: Extensions
  readonly tls: ClientTlsFacts | null
  readonly eightBitWithout8BitMime: 'send' | 'fail'
}

/** Writes the commands of a transaction with the parameters that the peer offers, and settles the recipients that it cannot serve. */
export function planFor(envelope: Envelope, facts: Facts, peer: Peer): Plan {
  const refusal = refuseMessage(envelope, facts, peer)
  const settled: (RecipientReply | null)[] = []
  const rcpts: PlannedRecipient[] = []
  for (const [index, recipient] of envelope.rcptTo.entries()) {
    const own = refusal ?? refuseRecipient(recipient, peer.extensions)
    settled.push(
      own === null ? null : { is: 'failed', reply: own, phase: own === refusal ? 'mail' : 'rcpt', ours: true },
    )
    if (own === null) rcpts.push({ index, command: rcptCommand(recipient, peer.extensions) })
  }
  return { mail: rcpts.length === 0 ? '' : mailCommand(envelope, facts, peer.extensions), rcpts, settled }
}

const BAD_SENDER = reply(553, '5.1.7', 'The sender address is damaged')
const BAD_RECIPIENT = reply(553, '5.1.3', 'The recipient address is damaged')
const TOO_BIG = (limit: number) => reply(552, '5.3.4', `The message is larger than the next hop takes (${limit} bytes)`)
const NO_8BIT = reply(554, '5.6.3', 'The next hop does not offer 8BITMIME, and the message needs it')
const NO_UTF8_ADDRESS = reply(553, '5.6.7', 'The next hop does not offer SMTPUTF8, and an address needs it')
// RFC 6531 section 3.5
const NO_UTF8_HEADER = reply(550, '5.6.9', 'The next hop does not offer SMTPUTF8, and the header needs it')
// RFC 8689 section 4.2.1
const NO_TLS = reply(550, '5.7.10', 'The sender requires TLS, and there is no proven TLS to the next hop')
const NO_REQUIRETLS = reply(550, '5.7.30', 'REQUIRETLS support required')

/** What keeps the whole message from this peer, or null. */
function refuseMessage(
  envelope: Envelope,
  facts: Facts,
  { extensions, tls, eightBitWithout8BitMime }: Peer,
): Reply | null {
  if (!isSafePath(envelope.mailFrom)) return BAD_SENDER
  if (envelope.requireTls && tls?.verified !== true) return NO_TLS
  if (envelope.requireTls && !extensions.has('REQUIRETLS')) return NO_REQUIRETLS
  const limit = sizeLimit(extensions)
  if (facts.size > limit) return TOO_BIG(limit)
  if (!extensions.has('SMTPUTF8')) {
    if (envelope.mailFrom !== null && needsUtf8(envelope.mailFrom)) return NO_UTF8_ADDRESS
    if (envelope.smtputf8 && facts.utf8Header) return NO_UTF8_HEADER
  }
  return facts.eightBit && !extensions.has('8BITMIME') && eightBitWithout8BitMime === 'fail' ? NO_8BIT : null
}

function refuseRecipient({ address }: Recipient, extensions: Extensions): Reply | null {
  if (!isSafePath(address)) return BAD_RECIPIENT
  return needsUtf8(address) && !extensions.has('SMTPUTF8') ? NO_UTF8_ADDRESS : null
}

// RFC 1870 section 4: no number, or 0, is no fixed limit
function sizeLimit(extensions: Extensions): number {
  const announced = extensions.get('SIZE') ?? ''
  return /^\d{1,20}$/.test(announced) && Number(announced) > 0 ? Number(announced) : Number.POSITIVE_INFINITY
}

// Addresses are checked when they come in. Checked again here, because one damaged in the spool must not become a command.
const SAFE_LOCAL = /^(?:[^\s<>"@\p{Cc}]+|"(?:[^"\\\p{Cc}]|\\[\x20-\x7e])*")$/u
const SAFE_DOMAIN = /^[\x21-\x3b\x3d\x3f\x41-\x7e]+$/

const isSafePath = (path: ReversePath): boolean =>
  path === null || (SAFE_LOCAL.test(path.local) && SAFE_DOMAIN.test(path.domain))

function mailCommand(envelope: Envelope, facts: Facts, extensions: Extensions): string {
  let command = `MAIL FROM:${formatPath(envelope.mailFrom)}`
  if (extensions.has('SIZE')) command += ` SIZE=${facts.size}`
  if (extensions.has('8BITMIME') && (facts.eightBit || envelope.body === '8bitmime')) command += ' BODY=8BITMIME'
  if (extensions.has('SMTPUTF8') && isInternational(envelope)) command += ' SMTPUTF8'
  if (envelope.requireTls) command += ' REQUIRETLS'
  if (extensions.has('DSN')) {
    if (envelope.ret !== null) command += ` RET=${envelope.ret.toUpperCase()}`
    if (envelope.envid !== null && XTEXT.test(envelope.envid)) command += ` ENVID=${envelope.envid}`
  }
  return `${command}\r\n`
}

function rcptCommand({ address, notify, orcpt }: Recipient, extensions: Extensions): string {
  let command = `RCPT TO:${formatPath(address)}`
  if (extensions.has('DSN')) {
    if (notify !== null) command += ` NOTIFY=${conditions(notify)}`
    const original = orcpt === null ? null : originalRecipient(orcpt, extensions)
    if (original !== null) command += ` ORCPT=${original}`
  }
  return `${command}\r\n`
}

// RFC 3461 section 4.1: NEVER stands alone
const conditions = (notify: readonly NotifyCondition[]): string =>
  notify.length === 0 || notify.includes('never') ? 'NEVER' : notify.join(',').toUpperCase()

// RFC 3461 section 4: printable, no space, "+" and "=" only encoded. The client of old may have sent "=" all the same.
const XTEXT = /^[\x21-\x7e]+$/
const ORIGINAL = /^[A-Za-z0-9-]+;[^\s\p{Cc}]+$/u

/** ORCPT as it came; RFC 6533 section 3: without SMTPUTF8 its characters above ASCII are written as `\x{…}`. Null if it is damaged. */
function originalRecipient(orcpt: string, extensions: Extensions): string | null {
  if (!ORIGINAL.test(orcpt)) return null
  if (isAscii(orcpt) || extensions.has('SMTPUTF8')) return orcpt
  return orcpt.replace(/[^\x21-\x7e]/gu, (found) => `\\x{${(found.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`)
}

import type { KeyObject } from 'node:crypto'
import type { LedgerPlace, TracedMessage, TraceEntry } from '../ledger/contract.ts'
import { type PathTls, readAction, readAttempt, readReceived } from '../mail/custody.ts'
import { type Fate, FINAL_STATES, fatesOf } from '../mail/fate.ts'
import {
  RECEIPT_TYPE,
  type Receipt,
  type ReceiptLedger,
  type ReceiptMessage,
  type ReceiptPath,
  type ReceiptRecipient,
  type ReceiptTls,
} from '../mail/receipt.ts'

/** What a receipt is signed with. Throws Error, in words for the operator, where there is no key or it cannot be used. */
export type ReceiptKey = () => KeyObject

/** States of recipients that still wait, by index, as the queue has them now. */
export type WaitingStates = ReadonlyMap<number, string>

/** What the record certifies of a message; null where its receipt is no longer on record. */
export function receiptOf(
  message: TracedMessage & { readonly receivedAt: number | null },
  waiting: WaitingStates,
  made: { readonly relay: string; readonly at: number; readonly place: LedgerPlace | null },
): Receipt | null {
  const { receivedAt, entries } = message
  const received = entries.find(({ event }) => event === 'received')
  if (receivedAt === null || received === undefined) return null
  const { untold } = readReceived(received.facts)
  // A notice about a notice goes to the postmaster: there is no sender to be told
  const toldOf = (index: number) => (message.sender === '<>' ? null : !untold.includes(index))
  const recipients = fatesOf(entries).map((fate) => recipientOf(fate, waiting.get(fate.index), toldOf(fate.index)))
  return {
    type: RECEIPT_TYPE,
    version: 1,
    relay: clean(made.relay),
    madeAt: moment(made.at),
    final: recipients.every(({ final }) => final),
    message: messageOf(message, receivedAt, received),
    recipients,
    ledger: ledgerOf(made.place),
  }
}

function messageOf(message: TracedMessage, receivedAt: number, received: TraceEntry): ReceiptMessage {
  const { client, address, helo, user, tls, sha256, split, sensitive } = readReceived(received.facts)
  return {
    queueId: message.queueId,
    messageId: cleanOrNull(message.messageId),
    receivedAt: moment(receivedAt),
    client: cleanOrNull(client),
    address: cleanOrNull(address),
    helo: cleanOrNull(helo),
    user: cleanOrNull(user),
    tls: tlsOf(tls),
    sender: cleanOrNull(message.sender),
    size: message.size,
    sha256Received: sha256.received,
    sha256Sent: sha256.stored,
    sensitive,
    split: cleanOrNull(split),
  }
}

/** `mayBeTold`: whether the sender wanted to hear of a failure; null where there is none. */
function recipientOf(fate: Fate<TraceEntry>, waits: string | undefined, mayBeTold: boolean | null): ReceiptRecipient {
  const { address, event } = fate
  const state = FINAL_STATES.has(fate.state) ? fate.state : (waits ?? fate.state)
  const { notices } = readAttempt(event.facts)
  return {
    address: clean(address),
    state: clean(state),
    final: FINAL_STATES.has(state),
    at: moment(event.at),
    reply: cleanOrNull(fate.reply),
    path: pathOf(event),
    by: state === 'removed' ? cleanOrNull(readAction(event.facts).by) : null,
    senderTold: state === 'failed' && notices !== null && mayBeTold !== null ? mayBeTold && notices.length > 0 : null,
  }
}

function pathOf({ event, facts }: TraceEntry): ReceiptPath | null {
  const { host, address, port, tls, security } = readAttempt(facts)
  if (event !== 'attempt' || host === null) return null
  return {
    host: clean(host),
    address: cleanOrNull(address),
    port: port === null ? null : Math.trunc(port),
    tls: tls === 'clear' ? null : tlsOf(tls),
    clear: tls === 'clear',
    policy: cleanOrNull(security?.source ?? null),
    proves: cleanOrNull(security?.proves ?? null),
  }
}

const tlsOf = (tls: PathTls | null): ReceiptTls | null =>
  tls === null
    ? null
    : {
        protocol: clean(tls.protocol),
        cipher: cleanOrNull(tls.cipher),
        fingerprint: cleanOrNull(tls.fingerprint),
        verified: tls.verified,
      }

const ledgerOf = (place: LedgerPlace | null): ReceiptLedger | null =>
  place === null || place.entries.length === 0 ? null : { entries: place.entries, hash: place.hash }

const moment = (ms: number): string => new Date(ms).toISOString()

// Replies and names come from the outside: a receipt shows nothing that steers a terminal, and is the same bytes whoever writes its JSON
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu
const LONGEST = 2000

const clean = (text: string): string => text.toWellFormed().replace(UNPRINTABLE, ' ').slice(0, LONGEST).toWellFormed()
const cleanOrNull = (text: string | null): string | null => (text === null ? null : clean(text))

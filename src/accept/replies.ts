import type { Outcome } from '../inspect/outcome.ts'
import { reply } from '../mail/reply.ts'
import type { HandlerReply } from '../smtp/server/contract.ts'

/** A negative answer: what the client hears, and the word that it is counted and logged under. */
export interface Refusal {
  readonly reason: string
  readonly reply: HandlerReply
  /** More for the log, which the client does not hear. */
  readonly facts?: object
}

export type Replies = ReturnType<typeof createReplies>

// RFC 5321 section 4.5.3.1.5: a reply line has 512 octets
const MAX_SUPPORT = 200

/** Positive answers, made once. */
export const OK = reply(250, null, 'Ok')
export const MAIL_OK = reply(250, '2.1.0', 'Ok')
export const RCPT_OK = reply(250, '2.1.5', 'Ok')
export const greeting = (hostname: string): HandlerReply => reply(220, null, `${hostname} ESMTP Postern`)
export const queued = (queueId: string): HandlerReply => reply(250, '2.0.0', `Ok: queued as ${queueId}`)

/**
 * Every refusal, named once: reply code of RFC 5321, enhanced code of RFC 3463, 5248, 7372 and 7505,
 * and a text that says what to do. `support` becomes a line of its own; throws RangeError if it is too long.
 */
export function createReplies(support: string | null) {
  if (support !== null && support.length > MAX_SUPPORT) {
    throw new RangeError(`the support text has ${support.length} characters, at most ${MAX_SUPPORT} fit in a reply`)
  }
  const more = support === null || support === '' ? [] : [support]
  const refuse = (reason: string, code: number, enhanced: string, text: string): Refusal => ({
    reason,
    reply: reply(code, enhanced, text, ...more),
  })
  const hangUp = (reason: string, enhanced: string, text: string): Refusal => ({
    reason,
    reply: { ...reply(421, enhanced, text, ...more), close: true },
  })
  return {
    ...connectionReplies(refuse, hangUp),
    ...senderReplies(refuse),
    ...recipientReplies(refuse, hangUp),
    ...contentReplies(refuse),
    /** The refusal that plugins want, or null if the message may go on. */
    inspected: ({ verdict, plugin, results }: Outcome): Refusal | null => {
      if (verdict.action !== 'reject' && verdict.action !== 'defer') return null
      return {
        reason: `plugin:${plugin ?? ''}`,
        reply: { ...verdict.reply, lines: [...verdict.reply.lines, ...more] },
        facts: { why: verdict.reason, inspection: results },
      }
    },
  }
}

type Refuse = (reason: string, code: number, enhanced: string, text: string) => Refusal
type HangUp = (reason: string, enhanced: string, text: string) => Refusal

const connectionReplies = (refuse: Refuse, hangUp: HangUp) => ({
  tooManyConnections: hangUp('connections', '4.3.2', 'Too many connections; try again later'),
  tooManyFromAddress: hangUp(
    'connections-address',
    '4.7.0',
    'Too many connections from your address; close some, or try again later',
  ),
  tooManyFromNetwork: hangUp(
    'connections-network',
    '4.7.0',
    'Too many connections from your network; close some, or try again later',
  ),
  tooManyFromClient: hangUp('connections-client', '4.7.0', 'All of your connections are in use; close some'),
  penalised: hangUp('penalty', '4.7.0', 'Too many unknown recipients from your address; try again later'),
  tlsRequired: refuse('tls-required', 530, '5.7.0', 'Must use TLS: issue STARTTLS first'),
  noReverseName: refuse(
    'reverse-name',
    550,
    '5.7.25',
    'Your address has no reverse name that leads back to it; set PTR and A or AAAA records that match',
  ),
  reverseNameUnchecked: refuse(
    'reverse-name-dns',
    450,
    '4.7.25',
    'The reverse name of your address could not be looked up; try again later',
  ),
})

const senderReplies = (refuse: Refuse) => ({
  senderNotAllowed: refuse(
    'sender',
    550,
    '5.7.1',
    'You may not send with this sender address; use one that is registered for you, or have it registered',
  ),
  senderMissing: refuse('sender-domain', 450, '4.1.8', 'The domain of the sender address does not exist in DNS'),
  senderRefuses: refuse(
    'sender-null-mx',
    550,
    '5.7.27',
    'The domain of the sender address takes no mail (null MX); use an address that can be answered',
  ),
  senderUnchecked: refuse(
    'sender-dns',
    451,
    '4.4.3',
    'The domain of the sender address could not be looked up; try again later',
  ),
  rate: refuse('rate', 450, '4.7.1', 'Too much mail from you for now; slow down and try again later'),
  tooLarge: refuse('size', 552, '5.3.4', 'The message is larger than is taken here; send less at a time'),
  noRoom: refuse('room', 452, '4.3.1', 'There is no room for mail just now; try again later'),
  memoryShort: refuse('memory-short', 452, '4.3.1', 'Memory is short just now; try again later'),
  noMemory: refuse('memory', 452, '4.3.1', 'Too much mail arrives at once; try again later'),
  broken: refuse('spool', 451, '4.3.0', 'Mail cannot be stored just now; try again later'),
})

const recipientReplies = (refuse: Refuse, hangUp: HangUp) => ({
  relayDenied: refuse(
    'relay',
    550,
    '5.7.1',
    'Relaying denied: this domain is not served here; send to its own mail server, or have your system registered',
  ),
  sourceRouted: refuse('source-route', 553, '5.1.3', 'Addresses with a route in them are not taken; use the plain one'),
  unknownRecipient: refuse('unknown-recipient', 550, '5.1.1', 'There is no such recipient here; check the address'),
  recipientUnchecked: refuse(
    'recipient-unchecked',
    450,
    '4.3.0',
    'The recipient could not be checked just now; try again later',
  ),
  harvesting: hangUp('harvesting', '4.7.0', 'Too many unknown recipients; try again later'),
  tooManyRecipients: refuse('recipients', 452, '4.5.3', 'Too many recipients; send the rest in another message'),
  nullSenderRecipients: refuse(
    'null-sender-recipients',
    452,
    '4.5.3',
    'A notification goes to one recipient; send the rest one by one',
  ),
})

const contentReplies = (refuse: Refuse) => ({
  loop: refuse('loop', 554, '5.4.6', 'The message has been through too many servers; there is a loop in the routing'),
  headerTooLarge: refuse('header-size', 552, '5.3.4', 'The header of the message is larger than is taken here'),
})

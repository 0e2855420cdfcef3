import type { Address } from '../../mail/address.ts'
import type { Envelope, ReversePath } from '../../mail/envelope.ts'
import { isPositive, type Reply } from '../../mail/reply.ts'
import type { ClientTimeouts } from './contract.ts'
import { type Peer, planFor } from './plan.ts'
import type { Wire } from './wire.ts'

export interface Probed {
  /** Which command the reply answers. */
  readonly phase: 'mail' | 'rcpt'
  readonly reply: Reply | null
}

const NOTHING = { size: 0, eightBit: false, utf8Header: false }

/** MAIL, RCPT, RSET, one after the other. Rejects with PhaseError if the session fails. */
export async function probeRecipient(
  wire: Wire,
  timeouts: ClientTimeouts,
  peer: Peer,
  mailFrom: ReversePath,
  to: Address,
): Promise<Probed> {
  const { mail, rcpts, settled } = planFor(envelopeOf(mailFrom, to), NOTHING, peer)
  const [own] = settled
  if (own && own.is !== 'unknown') return { phase: 'rcpt', reply: own.reply }
  // There is no message whose size could be announced
  const began = await wire.ask('mail', timeouts.mail, mail.replace(' SIZE=0', ''))
  if (!isPositive(began)) return { phase: 'mail', reply: began }
  const answer = await wire.ask('rcpt', timeouts.rcpt, rcpts[0]?.command ?? '')
  const reset = await wire.ask('mail', timeouts.mail, 'RSET\r\n')
  if (!isPositive(reset)) wire.destroy()
  return { phase: 'rcpt', reply: answer }
}

const envelopeOf = (mailFrom: ReversePath, address: Address): Envelope => ({
  mailFrom,
  rcptTo: [{ address, notify: null, orcpt: null }],
  envid: null,
  ret: null,
  smtputf8: false,
  body: '7bit',
  requireTls: false,
})

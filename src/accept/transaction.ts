import { merge, type Outcome } from '../inspect/outcome.ts'
import type { Recipient } from '../mail/envelope.ts'
import type { MailCommand } from '../smtp/server/contract.ts'
import { recipientKey } from './addresses.ts'
import type { Peer } from './checks.ts'
import { finalRecipient } from './postmaster.ts'

/** What has been decided about a transaction so far. Keeps the policy that it began under. */
export class OpenTransaction {
  readonly peer: Peer
  /** For logs and the trace: unique in this process. */
  readonly name: string
  readonly mail: MailCommand
  /** Whether a recipient is not in a domain of ours. */
  elsewhere = false
  #outcome: Outcome
  readonly #recipients = new Map<string, Outcome>()

  constructor(peer: Peer, name: string, mail: MailCommand, outcome: Outcome) {
    this.peer = peer
    this.name = name
    this.mail = mail
    this.#outcome = outcome
  }

  /** What plugins said of the whole message. */
  get outcome(): Outcome {
    return this.#outcome
  }

  /**
   * A recipient was accepted. What plugins said of it is kept for it alone, but their header fields
   * go into the one content that all recipients share.
   */
  added(to: Recipient, elsewhere: boolean, outcome: Outcome): void {
    if (elsewhere) this.elsewhere = true
    if (outcome.results.length === 0) return
    const key = recipientKey(finalRecipient(to, this.peer.policy).address)
    const known = this.#recipients.get(key)
    this.#recipients.set(key, known === undefined ? outcome : merge([known, outcome]))
    const shared: Outcome = { ...outcome, verdict: { action: 'continue' }, plugin: null }
    this.#outcome = merge([this.#outcome, shared])
  }

  /** What plugins said of one recipient; null if nothing. */
  of(to: Recipient): Outcome | null {
    return this.#recipients.size === 0 ? null : (this.#recipients.get(recipientKey(to.address)) ?? null)
  }
}

import type { Reply } from '../../mail/reply.ts'
import type { WireLimits } from './contract.ts'
import { TOO_MANY_ERRORS, TOO_MANY_USELESS, type WireReply } from './replies.ts'

/** Counts what a session does in vain, since it began or last had a message accepted. */
export class Tally {
  #errors = 0
  #useless = 0

  /** Counts a command that does not lead to mail; the reply that ends the session if it is one too many. */
  useless(limits: WireLimits): WireReply | null {
    return ++this.#useless > limits.uselessCommands ? TOO_MANY_USELESS : null
  }

  /** Counts a reply; likewise. */
  reply(reply: Reply, limits: WireLimits): WireReply | null {
    if (reply.code < 400) return null
    return ++this.#errors >= limits.errors ? TOO_MANY_ERRORS : null
  }

  forgive(): void {
    this.#errors = 0
    this.#useless = 0
  }
}

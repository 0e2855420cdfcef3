import type { Content } from '../mail/content.ts'
import type { Envelope } from '../mail/envelope.ts'
import type { QueueId } from '../mail/queue-id.ts'
import type { Reply } from '../mail/reply.ts'

/**
 * Where mail for people of this very service goes. Declared here and implemented by the mailboxes,
 * so that delivery knows nothing of them.
 */
export interface MessageStore {
  /**
   * Stores a message for each of `envelope.rcptTo` and answers in their order. What is answered
   * `delivered` is on stable storage. The same message may come twice, with the same `queueId`:
   * after a crash, or when an answer got lost. A rejection, or no answer in the time of a final dot
   * (`timeouts.end`), defers every recipient.
   */
  deliver(message: StoredMessage): Promise<readonly StoreAnswer[]>
}

export interface StoredMessage {
  readonly queueId: QueueId
  readonly envelope: Envelope
  /** Re-readable until the promise is settled. */
  readonly content: Content
  /** Milliseconds since 1970. */
  readonly receivedAt: number
}

export interface StoreAnswer {
  readonly is: 'delivered' | 'failed' | 'deferred'
  readonly reply: Reply
}

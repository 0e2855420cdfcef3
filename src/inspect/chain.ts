import type { Content } from '../mail/content.ts'
import type { Recipient, ReversePath } from '../mail/envelope.ts'
import type { Header } from '../mail/header.ts'
import { type ContentOutcome, NOTHING, type Outcome } from './outcome.ts'
import type { MessageView, SessionView, TransactionView } from './plugin.ts'

/** A message as it comes to the chain. */
export interface ChainMessage extends Omit<MessageView, 'content' | 'header' | 'results' | 'signal'> {
  /** Header fields that this relay adds, without its trace field. */
  readonly prefix: Buffer
  /** As it came. */
  readonly content: Content
  /** The header of `content`. */
  readonly header: Header
  /** What was said at connect, mail and rcpt. */
  readonly earlier: Outcome
}

/** All plugins in their order. Never rejects: what goes wrong in a plugin becomes `defer`. */
export interface Chain {
  /** Where there is anything to ask. Where there is not, nothing is to be called. */
  readonly asks: { readonly connect: boolean; readonly mail: boolean; readonly rcpt: boolean; readonly data: boolean }
  connect(session: SessionView): Promise<Outcome>
  mail(session: SessionView, from: ReversePath): Promise<Outcome>
  /** The verdict is about this recipient only. */
  rcpt(transaction: TransactionView, to: Recipient): Promise<Outcome>
  /** `gone` is aborted when the client goes away. */
  data(message: ChainMessage, gone: AbortSignal): Promise<ContentOutcome>
}

/** No plugins: nothing is asked, and nothing costs anything. */
export const EMPTY_CHAIN: Chain = {
  asks: { connect: false, mail: false, rcpt: false, data: false },
  connect: async () => NOTHING,
  mail: async () => NOTHING,
  rcpt: async () => NOTHING,
  data: async ({ earlier, prefix, content }) => ({ ...earlier, prefix, content, changed: false }),
}

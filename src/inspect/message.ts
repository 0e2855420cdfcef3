import type { Content } from '../mail/content.ts'
import type { Header } from '../mail/header.ts'
import type { Outcome } from './outcome.ts'
import type { MessageView } from './plugin.ts'

/** A message as it comes to the chain. */
export interface ChainMessage extends Omit<MessageView, 'content' | 'header' | 'results' | 'signal'> {
  /** Header fields that this relay adds, without its trace field. */
  readonly prefix: Buffer
  /** As it came. */
  readonly content: Content
  /** The header of `content`. */
  readonly header: Header
  /** What was said at connect, mail and rcpt; its header fields stand in `prefix`. */
  readonly earlier: Outcome
}

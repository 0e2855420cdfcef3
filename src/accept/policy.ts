import type { Chain } from '../inspect/chain.ts'
import type { HandlerReply } from '../smtp/server/contract.ts'
import { ClientTable } from './clients.ts'
import type { AcceptOptions } from './options.ts'
import { createReplies, greeting, type Replies } from './replies.ts'

/** The options, made ready to decide by. Never changes: a reload makes another one. */
export interface Policy {
  readonly options: AcceptOptions
  readonly chain: Chain
  readonly clients: ClientTable
  readonly replies: Replies
  readonly greeting: HandlerReply
}

/** Throws Error with a text for the operator if the options contradict each other. */
export function compilePolicy(options: AcceptOptions, chain: Chain): Policy {
  return {
    options,
    chain,
    clients: new ClientTable(options.clients, options.limits),
    replies: createReplies(options.support),
    greeting: greeting(options.hostname),
  }
}

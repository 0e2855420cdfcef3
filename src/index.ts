/**
 * What a module of an operator's own needs to be a plugin of Postern: the types of the contract,
 * and the few functions that make their values.
 */
export type { HeaderPair, Hook, PluginResult } from './inspect/outcome.ts'
export type {
  Answer,
  Direction,
  Division,
  DivisionView,
  Inspector,
  MessageView,
  Mode,
  Modification,
  Modifier,
  Phase,
  Plugin,
  PluginContext,
  PluginFactory,
  Removal,
  SessionView,
  TransactionView,
} from './inspect/plugin.ts'
export { type Trial, type TrialResult, tryPlugin } from './inspect/try-plugin.ts'
export { type Address, formatAddress, parseAddress } from './mail/address.ts'
export { type Content, memoryContent, readAll } from './mail/content.ts'
export type { Envelope, Recipient, ReversePath } from './mail/envelope.ts'
export { type Reply, reply } from './mail/reply.ts'
export { CONTINUE, type Verdict } from './mail/verdict.ts'

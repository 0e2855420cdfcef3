import type { Chain } from '../inspect/chain.ts'
import type { SessionHandler } from '../smtp/server/contract.ts'
import { Core } from './core.ts'
import type { AcceptOptions } from './options.ts'
import { compilePolicy } from './policy.ts'
import type { AcceptPorts } from './ports.ts'
import { AcceptSession } from './session.ts'

/** The room's face to the daemon. */
export interface Accept {
  /** Policy for one connection. */
  handler(): SessionHandler
  /**
   * New options, and a new chain where one is given, for new transactions; open ones end under those
   * that they began with, so the old chain is to be closed only some time later. Throws Error with a
   * text for the operator, and changes nothing, if the options contradict each other.
   */
  update(options: AcceptOptions, chain?: Chain): void
  /** Connections that were let in and are open. */
  connections(): number
  /** What messages that are just arriving hold in memory, together. */
  arrivingBytes(): number
}

/** Throws Error with a text for the operator if the options contradict each other. */
export function createAccept(options: AcceptOptions, ports: AcceptPorts): Accept {
  const core = new Core(compilePolicy(options, ports.chain), ports)
  return {
    handler: () => new AcceptSession(core),
    update: (next, chain = core.policy.chain) => {
      core.policy = compilePolicy(next, chain)
    },
    connections: () => core.admission.total,
    arrivingBytes: () => core.arriving.usedBytes,
  }
}

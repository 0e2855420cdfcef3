import { replyText } from '../mail/reply.ts'
import { RateLimiter } from '../net/rate.ts'
import type { HandlerReply, WireSession } from '../smtp/server/contract.ts'
import { Admission } from './admission.ts'
import { ArrivalMemory } from './memory.ts'
import { Penalties } from './penalties.ts'
import type { Policy } from './policy.ts'
import type { AcceptPorts } from './ports.ts'
import { Recipients } from './recipients.ts'
import type { Refusal } from './replies.ts'

/** What all sessions share. */
export class Core {
  readonly ports: AcceptPorts
  readonly admission = new Admission()
  readonly arriving: ArrivalMemory
  readonly rates: RateLimiter
  readonly penalties: Penalties
  readonly recipients: Recipients
  /** For new transactions; those that are open keep theirs. */
  policy: Policy

  constructor(policy: Policy, ports: AcceptPorts) {
    const { remembered } = policy.options.limits
    this.policy = policy
    this.ports = ports
    this.arriving = new ArrivalMemory(ports.memory ?? null)
    this.rates = new RateLimiter(ports.clock, remembered)
    this.penalties = new Penalties(ports.clock, remembered)
    this.recipients = new Recipients(ports.recipientList, ports.recipientLookup, ports.clock)
  }

  /** Counts and logs a refusal, and gives what the client hears. */
  refuse(
    { reason, reply, facts: more }: Refusal,
    wire: WireSession,
    client: string | null,
    facts: object = {},
  ): HandlerReply {
    this.ports.metrics.count('postern_refused_total', { reason })
    const line = { session: wire.id, client: client ?? '*', address: wire.remoteAddress, reason, ...facts, ...more }
    this.ports.log.info({ ...line, reply: replyText(reply) }, 'refused')
    return reply
  }
}

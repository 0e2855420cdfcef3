import { proveContainers } from '../lib/prove/attack/containers.ts'
import { proveDependencies } from '../lib/prove/attack/dependencies.ts'
import { proveExpressions } from '../lib/prove/attack/expressions.ts'
import { proveMail } from '../lib/prove/attack/mail.ts'
import { proveModifiers } from '../lib/prove/attack/modifiers.ts'
import { proveParsers } from '../lib/prove/attack/parsers.ts'
import { proveProxyHeader } from '../lib/prove/attack/proxy-header.ts'
import { proveReplies } from '../lib/prove/attack/replies.ts'
import { proveSessions } from '../lib/prove/attack/sessions.ts'
import { proveSlow } from '../lib/prove/attack/slow.ts'
import { proveTls } from '../lib/prove/attack/tls.ts'
import type { Amounts, Proof, Prover } from '../lib/prove/part.ts'

/** Hostile clients, next hops, mail and operators' neighbours: nothing gets in, nothing comes out, nothing falls over. */

export const amounts: Amounts = {
  sessions: { long: 20_000, short: 400, help: 'SMTP sessions of random moves' },
  mutations: { long: 20_000, short: 300, help: 'altered texts for each parser' },
  mails: { long: 20_000, short: 400, help: 'altered real messages through the whole chain' },
  smuggled: { long: 20_000, short: 300, help: 'messages that hide another, through the modifiers' },
  slow: { long: 4000, short: 2000, help: 'senders that say a byte at a time' },
}

export async function prove(prover: Prover): Promise<Proof> {
  const proofs: Proof[] = []
  for (const each of [
    proveExpressions,
    proveParsers,
    proveContainers,
    proveMail,
    proveReplies,
    proveProxyHeader,
    proveSessions,
    proveModifiers,
    proveSlow,
    proveTls,
    proveDependencies,
  ]) {
    if (proofs.length > 0 && prover.isOver()) break
    proofs.push(await each(prover))
  }
  return {
    tables: proofs.flatMap(({ tables }) => tables),
    promises: proofs.flatMap(({ promises }) => promises),
    notes: proofs.flatMap(({ notes = [] }) => notes),
  }
}

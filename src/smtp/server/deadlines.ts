import type { WireLimits } from './contract.ts'
import type { Intake } from './intake.ts'
import { DATA_TOO_SLOW, IDLE, SESSION_TOO_LONG, type WireReply } from './replies.ts'

/** What the clock has to say about a session while it is the client's turn. */
export interface Waiting {
  readonly startedAt: number
  /** When it last became the client's turn, or a byte came. */
  readonly since: number
  readonly intake: Intake | null
  readonly inTransaction: boolean
}

/** The reply that ends the session, or null if it is in time. */
export function overdue({ startedAt, since, intake, inTransaction }: Waiting, limits: WireLimits, now: number) {
  if (intake !== null) return overdueContent(intake, now - since, now, limits)
  if (now - since > limits.idleMs) return IDLE
  const allowance = inTransaction ? limits.dataMs : 0
  return now - startedAt > limits.sessionMs + allowance ? SESSION_TOO_LONG : null
}

function overdueContent(intake: Intake, idleMs: number, now: number, limits: WireLimits): WireReply | null {
  const { refusal, fault, startedAt } = intake
  // A client whose line ends are wrong may never send a right end mark: it hears why after a short wait
  if (fault !== null && refusal !== null && idleMs > Math.min(limits.wrongEndMs, limits.idleMs)) {
    return { ...refusal, close: true, end: 'timeout' }
  }
  if (idleMs > limits.idleMs) return IDLE
  return now - startedAt > limits.dataMs ? DATA_TOO_SLOW : null
}

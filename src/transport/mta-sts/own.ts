import { createHash } from 'node:crypto'
import { policyLines, type StsPolicy } from './policy.ts'

/** A policy of ours, as it is published. */
export interface OwnPolicy {
  readonly policy: StsPolicy
  /** The file, RFC 8461 section 3.2. */
  readonly text: string
  /** What `_mta-sts` names it by: other content has another id, the same content the same on every machine. */
  readonly id: string
}

// RFC 8461 section 3.1 allows 32 letters and digits
const ID_LENGTH = 20

export function ownPolicy(policy: StsPolicy): OwnPolicy {
  const text = `${policyLines(policy).join('\r\n')}\r\n`
  const id = createHash('sha256').update(text).digest('hex').slice(0, ID_LENGTH)
  return { policy, text, id }
}

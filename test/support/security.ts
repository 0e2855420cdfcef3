import { decideByRoute } from '../../src/daemon/routes-only.ts'
import type { PathDecision, PathQuestion } from '../../src/transport/contract.ts'

export { decideByRoute }

/** What a test decides about a question; undefined: what the route says. */
export type Script = (question: PathQuestion) => Partial<PathDecision> | undefined

export interface ScriptedSecurity {
  /** May be changed while in use. */
  script: Script
  /** Every question, in order. */
  readonly asked: PathQuestion[]
  decide(question: PathQuestion): Promise<PathDecision>
}

/** Decisions out of a table in the place of policies. */
export function scriptedSecurity(script: Script = () => undefined): ScriptedSecurity {
  const asked: PathQuestion[] = []
  const security: ScriptedSecurity = {
    script,
    asked,
    async decide(question) {
      asked.push(question)
      return { ...decideByRoute(question), ...security.script(question) }
    },
  }
  return security
}

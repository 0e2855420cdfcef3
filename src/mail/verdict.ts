import type { Reply } from './reply.ts'

/**
 * What a plugin thinks of a message or of one recipient. There is no `accept`:
 * no plugin may let a message skip the rest of the chain.
 */
export type Verdict =
  | { readonly action: 'continue' }
  /** Go on; `fields` are header fields (name, value) to be added. */
  | { readonly action: 'tag'; readonly reason: string; readonly fields: readonly (readonly [string, string])[] }
  /** Accept, then keep it until somebody decides. */
  | { readonly action: 'hold'; readonly reason: string }
  | { readonly action: 'defer' | 'reject'; readonly reason: string; readonly reply: Reply }
  /** Accept and drop. Recorded like everything else. */
  | { readonly action: 'discard'; readonly reason: string }

export type VerdictAction = Verdict['action']

/** From the mildest to the worst; where several plugins speak, the worst wins. */
const SEVERITY: readonly VerdictAction[] = ['continue', 'tag', 'hold', 'discard', 'defer', 'reject']

export const CONTINUE: Verdict = { action: 'continue' }

/** The worst of the verdicts; the earliest of equals. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  let found: Verdict = CONTINUE
  for (const verdict of verdicts) {
    if (SEVERITY.indexOf(verdict.action) > SEVERITY.indexOf(found.action)) found = verdict
  }
  return found
}

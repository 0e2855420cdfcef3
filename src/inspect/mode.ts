import { CONTINUE, type Verdict } from '../mail/verdict.ts'
import type { HeaderPair } from './outcome.ts'
import type { Mode } from './plugin.ts'

/** The field that says what a plugin in `tag` mode would have done. Ours alone: what comes from outside under this name is removed. */
export const MARK = 'X-Postern-Inspection'

/** What a verdict amounts to. `observe`: nothing. `tag`: at most a header field. */
export function applyMode(plugin: string, mode: Mode, verdict: Verdict): Verdict {
  if (mode === 'enforce' || verdict.action === 'continue') return verdict
  if (mode === 'observe') return CONTINUE
  if (verdict.action === 'tag') return verdict
  return { action: 'tag', reason: verdict.reason, fields: [mark(plugin, verdict.action, verdict.reason)] }
}

/** `X-Postern-Inspection: headers; would=reject; reason="two From fields"` */
export function mark(plugin: string, would: string, reason: string): HeaderPair {
  return [MARK, `${plugin}; would=${would}; reason="${reason.replace(/[^\x20-\x7e]|["\\]/g, '?')}"`]
}

import type { PluginEntry } from '../../config/index.ts'
import { asRecorded, never } from './as-recorded.ts'
import { attachmentsJudge } from './attachments.ts'
import { authenticationJudge } from './authentication.ts'
import type { Judge } from './case.ts'
import { ownPluginsJudge } from './own-plugins.ts'
import { sendersJudge } from './senders.ts'
import { type SensitiveServices, sensitiveJudge } from './sensitive.ts'
import { spamJudge } from './spam.ts'
import { virusJudge } from './virus.ts'

export type { Case, Judge, Judgement } from './case.ts'

interface Chain {
  readonly plugins: readonly PluginEntry[]
  readonly sensitive: SensitiveServices
}

/** Plugins that change what passes, and refuse nothing. */
export const CHANGING: ReadonlySet<string> = new Set(['banner', 'tagline', 'sign'])

/** Makes the judge of one plugin. `inForce`: the chain that the results on record come from. Throws OptionsError. */
export function judgeOf({ name, module, options }: PluginEntry, chain: Chain, inForce: Chain): Judge {
  if (module !== null) return ownPluginsJudge(chain.plugins, inForce.plugins)
  if (CHANGING.has(name) || name === 'learn-certificates') return never
  const before = inForce.plugins.find((each) => each.name === name)?.options ?? null
  if (name === 'spam') return spamJudge(options)
  if (name === 'virus') return virusJudge(options)
  if (name === 'senders') return sendersJudge(options)
  if (name === 'authentication') return authenticationJudge(options)
  if (name === 'attachments') return attachmentsJudge(options, before)
  return name === 'sensitive' ? sensitiveJudge(options, chain.sensitive) : asRecorded(name)
}

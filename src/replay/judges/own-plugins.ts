import { isDeepStrictEqual } from 'node:util'
import type { PluginEntry } from '../../config/index.ts'
import { builtInNames } from '../../inspect/load.ts'
import type { PluginFact } from '../../mail/custody.ts'
import { CONTINUE } from '../../mail/verdict.ts'
import { worstRecorded } from './as-recorded.ts'
import { type Judge, type Judgement, NOT_ASKED } from './case.ts'

/** Beside the built-in plugins: those that come with them. */
const COMPANIONS = ['virus-remove', 'spam-subject', 'sensitive-review', 'sensitive-encryption']
const BUILT_IN: ReadonlySet<string> = new Set([...builtInNames, ...COMPANIONS])

const isOwn = ({ plugin }: PluginFact): boolean => !BUILT_IN.has(plugin)

const modulesOf = (plugins: readonly PluginEntry[]) => plugins.filter(({ module }) => module !== null)

/**
 * An operator's own plugin is not loaded, so that nothing of it runs, and only it knows under which name it
 * speaks. Where there is one of them, what no built-in plugin said is its own; where there are several, they
 * stand or fall together.
 */
export function ownPluginsJudge(plugins: readonly PluginEntry[], inForce: readonly PluginEntry[]): Judge {
  const [now, before] = [modulesOf(plugins), modulesOf(inForce)]
  const isAlike = isDeepStrictEqual(now, before)
  const isAlone = now.length === 1 && before.length === 1
  return ({ recorded }, isSame): Judgement => {
    const results = recorded.inspection.filter(isOwn)
    if (isAlone && results.length === 0) return { unknown: NOT_ASKED }
    if (isAlone) return isSame ? { verdict: worstRecorded(results) } : { unknown: 'its options changed' }
    if (!isAlike) return { unknown: 'which of several own plugins said what is not on record' }
    const binding = results.filter(({ mode }) => mode === 'enforce')
    return { verdict: binding.length === 0 ? CONTINUE : worstRecorded(binding) }
  }
}

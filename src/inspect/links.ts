import type { Inspector, Modifier, Phase, Plugin } from './plugin.ts'
import type { Link } from './run.ts'

export const PHASES: readonly Phase[] = ['authenticate', 'inspect', 'modify', 'sign']

/** The links of a chain by what they do, in the order of the phases, and within one in that of the configuration. */
export interface Links {
  readonly inspectors: ReadonlyMap<Phase, readonly Link<Inspector>[]>
  readonly modifiers: ReadonlyMap<Phase, readonly Link<Modifier>[]>
}

export const isModifier = (plugin: Plugin): plugin is Modifier => 'modify' in plugin

const phaseOf = (plugin: Plugin): Phase => plugin.phase ?? (isModifier(plugin) ? 'modify' : 'inspect')

export function orderLinks(links: readonly Link[]): Links {
  const ordered = PHASES.flatMap((phase) => links.filter(({ plugin }) => phaseOf(plugin) === phase))
  return {
    inspectors: byPhase(ordered.filter((link): link is Link<Inspector> => !isModifier(link.plugin))),
    modifiers: byPhase(ordered.filter((link): link is Link<Modifier> => isModifier(link.plugin))),
  }
}

const byPhase = <P extends Plugin>(links: readonly Link<P>[]) => Map.groupBy(links, ({ plugin }) => phaseOf(plugin))

import { MARK } from './mode.ts'
import type { Inspector, Modifier, Phase, Plugin } from './plugin.ts'
import type { Link } from './run.ts'

export const PHASES: readonly Phase[] = ['authenticate', 'inspect', 'modify', 'sign']

/** The links of a chain by what they do, in the order of the phases, and within one in that of the configuration. */
export interface Links {
  readonly inspectors: ReadonlyMap<Phase, readonly Link<Inspector>[]>
  readonly modifiers: ReadonlyMap<Phase, readonly Link<Modifier>[]>
  /** Names of header fields that nobody but the plugins may give. */
  readonly ownFields: readonly string[]
}

export const isModifier = (plugin: Plugin): plugin is Modifier => 'modify' in plugin

const phaseOf = (plugin: Plugin): Phase => plugin.phase ?? (isModifier(plugin) ? 'modify' : 'inspect')

export function orderLinks(links: readonly Link[]): Links {
  const ordered = PHASES.flatMap((phase) => links.filter(({ plugin }) => phaseOf(plugin) === phase))
  return {
    inspectors: byPhase(ordered.filter((link): link is Link<Inspector> => !isModifier(link.plugin))),
    modifiers: byPhase(ordered.filter((link): link is Link<Modifier> => isModifier(link.plugin))),
    ownFields: [MARK, ...ordered.flatMap(({ plugin, mode }) => (mode === 'observe' ? [] : (plugin.ownFields ?? [])))],
  }
}

const byPhase = <P extends Plugin>(links: readonly Link<P>[]) => Map.groupBy(links, ({ plugin }) => phaseOf(plugin))

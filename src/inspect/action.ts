import { reply } from '../mail/reply.ts'
import type { Verdict } from '../mail/verdict.ts'
import { mark } from './mode.ts'

/** What a built-in plugin does about what it finds; its options choose. */
export const ACTIONS = ['off', 'tag', 'hold', 'defer', 'reject'] as const
export type Action = (typeof ACTIONS)[number]

/** A finding, with what a client is told where it is refused. */
export interface Finding {
  /** For the record. */
  readonly reason: string
  /** Of the permanent reply; a deferral has the same subject and detail in class 4. */
  readonly enhanced: `5.${number}.${number}`
  readonly text: string
}

export function act(plugin: string, action: Exclude<Action, 'off'>, { reason, enhanced, text }: Finding): Verdict {
  if (action === 'hold') return { action, reason }
  if (action === 'tag') return { action, reason, fields: [mark(plugin, action, reason)] }
  if (action === 'reject') return { action, reason, reply: reply(554, enhanced, text) }
  return { action, reason, reply: reply(451, enhanced.replace(/^5/, '4'), `${text}; try again later`) }
}

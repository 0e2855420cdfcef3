import type { PluginResult } from '../../inspect/outcome.ts'
import type { Direction, MessageView, SessionView } from '../../inspect/plugin.ts'
import type { PluginFact } from '../../mail/custody.ts'
import type { Verdict } from '../../mail/verdict.ts'
import type { Recorded, RecordedRecipient } from '../recorded.ts'

/** One recipient of a recorded message, before a plugin of one configuration. */
export interface Case {
  readonly recorded: Recorded
  readonly recipient: RecordedRecipient
  /** As this configuration knows it. */
  readonly client: string | null
  /** Of the whole message. */
  readonly direction: Direction
}

/** What the plugin would say, or why nobody can tell without the content. */
export type Judgement = { readonly verdict: Verdict } | { readonly unknown: string }

/** Judges what is on record by the options of one configuration. `isSame`: they are those of the one in force. */
export type Judge = (of: Case, isSame: boolean) => Judgement

export const resultOf = ({ inspection }: Recorded, plugin: string, hook: string): PluginFact | null =>
  inspection.find((each) => each.plugin === plugin && each.hook === hook) ?? null

/** Why a plugin that looks at content left no result; `plugin` is its name. */
export const NOT_ASKED = 'it was not asked then, and cannot be without the content'
export const CUT = 'what it found was too much for the record'

export const isCut = ({ facts }: PluginFact): boolean => facts.cut === true

/** The session as plugins see it. */
export const sessionOf = ({ recorded, client }: Case): SessionView => ({
  id: recorded.queueId,
  remoteAddress: recorded.address ?? '',
  remoteName: recorded.name,
  helo: recorded.helo,
  tls: null,
  client,
  user: recorded.user,
})

/** As much of a message as the rules of exceptions look at. */
export function viewOf(of: Case): Pick<MessageView, 'session' | 'rcptTo' | 'mailFrom' | 'results'> {
  const { recipients, sender, inspection } = of.recorded
  return {
    session: sessionOf(of),
    rcptTo: recipients.map(({ address }) => ({ address, notify: null, orcpt: null })),
    mailFrom: sender ?? null,
    // what was written as such a result is read as one again
    results: inspection as unknown as readonly PluginResult[],
  }
}

import type { Content } from '../mail/content.ts'
import type { Envelope } from '../mail/envelope.ts'
import { type HeaderLimits, readHeader } from '../mail/header.ts'
import { CONTINUE } from '../mail/verdict.ts'
import { isModifier } from './links.ts'
import { merge, type Outcome } from './outcome.ts'
import type { Inspector, MessageView, SessionView } from './plugin.ts'
import { inspectWith, type Link, type RunContext } from './run.ts'

/** A message that was held, and is to go out. */
export interface HeldMessage {
  /** What names it in the log in place of a session. */
  readonly id: string
  /** The name of the registered client it came from, or null for the outside world. */
  readonly client: string | null
  readonly envelope: Envelope
  /** As it would be delivered. */
  readonly content: Content
}

export const rescanners = (links: readonly Link[]): readonly Link<Inspector>[] =>
  links.filter((link): link is Link<Inspector> => {
    const { plugin } = link
    return !isModifier(plugin) && plugin.rescan === true && plugin.data !== undefined
  })

/**
 * Asks these inspectors side by side about content that was held, whatever their conditions say: it
 * may have been held before they were there. Never rejects.
 */
export async function rescan(
  links: readonly Link<Inspector>[],
  held: HeldMessage,
  limits: HeaderLimits,
  context: RunContext,
): Promise<Outcome> {
  const header = readHeader(held.content, limits)
  // those who wait for it see the failure; here nobody may be left to
  header.catch(() => {})
  const said = links.map((link) =>
    inspectWith(
      link,
      { hook: 'data', session: held.id },
      context,
      async (signal) => (await link.plugin.data?.(viewOf(held, (await header).fields, signal))) ?? CONTINUE,
      null,
    ).then((outcome) => settled(link, outcome)),
  )
  return merge(await Promise.all(said))
}

/** A tag is a change to be made, or goes with one, and nothing is changed any more. */
function settled({ plugin: { name }, mode }: Link, outcome: Outcome): Outcome {
  if (mode !== 'enforce' || outcome.verdict.action !== 'tag') return outcome
  return { ...outcome, plugin: name, verdict: { action: 'hold', reason: outcome.verdict.reason } }
}

function viewOf({ id, client, envelope, content }: HeldMessage, header: MessageView['header'], signal: AbortSignal) {
  const { mailFrom, rcptTo } = envelope
  const session: SessionView = {
    id,
    remoteAddress: '127.0.0.1',
    remoteName: null,
    helo: null,
    tls: null,
    client,
    user: null,
  }
  const direction = client === null ? 'inbound' : 'outbound'
  return { session, mailFrom, rcptTo, direction, envelope, content, header, results: [], signal } as const
}

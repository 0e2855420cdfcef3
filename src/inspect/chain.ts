import type { Recipient, ReversePath } from '../mail/envelope.ts'
import { CONTINUE } from '../mail/verdict.ts'
import type { ContentLimits } from './content.ts'
import { inspectContent } from './data.ts'
import { DivisionFailed, type Grouping } from './division.ts'
import { type ContentChain, type Group, Groups } from './groups.ts'
import { orderLinks } from './links.ts'
import { type Hook, merge, NOTHING, type Outcome } from './outcome.ts'
import type { Health, Inspector, Plugin, SessionView, TransactionView } from './plugin.ts'
import { type HeldMessage, rescan, rescanners } from './rescan.ts'
import { deferred, inspectWith, type Link, type RunContext, record } from './run.ts'
import type { Known } from './when.ts'

/** All plugins in their order. Never rejects: what goes wrong in a plugin becomes `defer`. */
export interface Chain extends ContentChain {
  /** Where there is anything to ask. Where there is not, nothing is to be called. */
  readonly asks: { readonly connect: boolean; readonly mail: boolean; readonly rcpt: boolean; readonly data: boolean }
  connect(session: SessionView): Promise<Outcome>
  mail(session: SessionView, from: ReversePath): Promise<Outcome>
  /** The verdict is about this recipient only. */
  rcpt(transaction: TransactionView, to: Recipient): Promise<Outcome>
  /** Whether recipients of one message may need different things: `groups` then says who, and `data` of a group takes the place of ours. */
  readonly isConditional: boolean
  /** The recipients by the plugins that their content passes, and by what those say of them, in the order of their first ones. Never throws: what could not be divided is one group, which is deferred. */
  groups(grouping: Grouping): readonly Group[]
  /** Whether there is anything to ask of what was held before it is released. */
  readonly rescans: boolean
  /** Asks those plugins that want to see held content again. May go out with `continue` and `tag` only. */
  rescan(held: HeldMessage): Promise<Outcome>
  /** Of each plugin that can tell, in the order of the configuration. */
  health(): readonly PluginHealth[]
  /** Closes the plugins. Whoever is still asked then may fail, which defers. */
  close(): Promise<void>
}

export interface PluginHealth extends Health {
  readonly plugin: string
}

/** A chain of these plugins. None: nothing is asked, and nothing costs anything. */
export function createChain(links: readonly Link[], limits: ContentLimits, context: RunContext): Chain {
  const byPhase = orderLinks(links)
  const inspectors = [...byPhase.inspectors.values()].flat()
  const content = (some: readonly Link[]): ContentChain => {
    // what nobody but a plugin may give is taken away from all mail
    const ordered = { ...orderLinks(some), ownFields: byPhase.ownFields }
    return { data: (message, gone) => inspectContent(ordered, message, limits, context, gone) }
  }
  const groups = new Groups(links, content)
  const again = rescanners(links)
  const has = (hook: 'connect' | 'mail' | 'rcpt') => inspectors.some(({ plugin }) => plugin[hook] !== undefined)
  return {
    asks: {
      connect: has('connect'),
      mail: has('mail'),
      rcpt: has('rcpt'),
      // our marks must be ours, whoever makes them
      data: links.length > 0,
    },
    connect: (session) =>
      sideBySide(applying(inspectors, { client: session.client }), 'connect', session, context, (plugin) =>
        plugin.connect?.(session),
      ),
    mail: (session, from) =>
      sideBySide(applying(inspectors, knownAtMail(session, from)), 'mail', session, context, (plugin) =>
        plugin.mail?.(session, from),
      ),
    rcpt: (transaction, to) =>
      sideBySide(applying(inspectors, knownAtRcpt(transaction, to)), 'rcpt', transaction.session, context, (plugin) =>
        plugin.rcpt?.(transaction, to),
      ),
    data: (message, gone) => inspectContent(byPhase, message, limits, context, gone),
    isConditional: groups.isConditional,
    groups: (grouping) => divide(groups, grouping, context),
    rescans: again.length > 0,
    rescan: (held) => rescan(again, held, limits, context),
    health: () => links.flatMap(({ plugin }) => healthOf(plugin)),
    close: async () => {
      await Promise.allSettled(links.map(async ({ plugin }) => plugin.close?.()))
    },
  }
}

function divide(groups: Groups, grouping: Grouping, context: RunContext): readonly Group[] {
  try {
    return groups.of(grouping)
  } catch (error) {
    if (!(error instanceof DivisionFailed)) throw error
    return undivided(error, grouping, context)
  }
}

/** Everybody, deferred; sensitive, as nobody has said that it is not. */
function undivided(
  { link, cause }: DivisionFailed,
  { session, rcptTo }: Grouping,
  context: RunContext,
): readonly Group[] {
  const place = { hook: 'data', session: session.id } as const
  const chain: ContentChain = {
    data: async ({ earlier, prefix, content }) => {
      const said = record(link, place, context, deferred(link, place, context, cause), { ms: 0, error: cause })
      return { ...merge([earlier, said]), prefix, content, eightBit: null, sensitive: true }
    },
  }
  return [{ indexes: [...rcptTo.keys()], chain, divisions: new Map(), sensitive: true }]
}

const applying = (links: readonly Link<Inspector>[], known: Known): readonly Link<Inspector>[] =>
  links.filter(({ when }) => !when || when(known))

const knownAtMail = ({ client }: SessionView, from: ReversePath): Known => ({ client, sender: from?.domain ?? null })

const knownAtRcpt = ({ session, mailFrom, direction }: TransactionView, to: Recipient): Known => ({
  ...knownAtMail(session, mailFrom),
  direction,
  recipient: to.address.domain,
})

function healthOf(plugin: Plugin): PluginHealth[] {
  try {
    const health = plugin.health?.()
    return health === undefined ? [] : [{ plugin: plugin.name, ok: health.ok === true, text: String(health.text) }]
  } catch (error) {
    return [{ plugin: plugin.name, ok: false, text: `it cannot say how it is: ${String(error)}` }]
  }
}

/** Asks all that have this method at once, and gives the worst that they say. */
async function sideBySide(
  links: readonly Link<Inspector>[],
  hook: Exclude<Hook, 'data' | 'modify'>,
  session: SessionView,
  context: RunContext,
  call: (plugin: Inspector) => ReturnType<NonNullable<Inspector['connect']>> | undefined,
): Promise<Outcome> {
  const asked = links.filter(({ plugin }) => plugin[hook] !== undefined)
  const place = { hook, session: session.id }
  const answers = asked.map((link) =>
    inspectWith(link, place, context, async () => (await call(link.plugin)) ?? CONTINUE, null),
  )
  return merge(await Promise.all(answers))
}

const passThrough: ContentChain = {
  data: async ({ earlier, prefix, content }) => ({ ...earlier, prefix, content, eightBit: null }),
}

/** For a daemon, or a test, without plugins. */
export const EMPTY_CHAIN: Chain = {
  asks: { connect: false, mail: false, rcpt: false, data: false },
  connect: async () => NOTHING,
  mail: async () => NOTHING,
  rcpt: async () => NOTHING,
  data: passThrough.data,
  isConditional: false,
  groups: ({ rcptTo }) => [{ indexes: [...rcptTo.keys()], chain: passThrough, divisions: new Map(), sensitive: false }],
  rescans: false,
  rescan: async () => NOTHING,
  health: () => [],
  close: async () => {},
}

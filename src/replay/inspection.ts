import { direction } from '../accept/views.ts'
import { applyMode } from '../inspect/mode.ts'
import type { Known } from '../inspect/when.ts'
import { CONTINUE, type Verdict, worst } from '../mail/verdict.ts'
import { type Case, CHANGING } from './judges/judges.ts'
import type { Recorded, RecordedRecipient } from './recorded.ts'
import type { World, WorldLink } from './world.ts'

/** What a configuration's plugins make of one recipient's message. */
export interface Inspection {
  /** The worst, after each plugin's mode. */
  readonly verdict: Verdict
  /** Whose it is; null for `continue`. */
  readonly plugin: string | null
  /** Plugins that mark it. */
  readonly marks: readonly string[]
  /** Plugins that change it. */
  readonly changes: readonly string[]
  readonly unknown: readonly string[]
}

export const UNINSPECTED: Inspection = { verdict: CONTINUE, plugin: null, marks: [], changes: [], unknown: [] }

export function inspect(
  world: World,
  recorded: Recorded,
  recipient: RecordedRecipient,
  client: string | null,
): Inspection {
  const { domains } = world.options.accept
  const known = knownOf(recorded, recipient, client, !domains.has(recipient.address.domain))
  const isElsewhere = recorded.recipients.some(({ address }) => !domains.has(address.domain))
  const of: Case = { recorded, recipient, client, direction: directionOf(client, isElsewhere) }
  const links = world.links.filter((link) => isAsked(link, known))
  const said = links.map((link) => ({ link, ...judged(link, of) }))
  const verdict = worst(said.map((each) => each.verdict))
  const first = verdict.action === 'continue' ? undefined : said.find((each) => each.verdict === verdict)
  return {
    verdict,
    plugin: first === undefined ? null : nameOf(first.link),
    marks: said.filter((each) => each.verdict.action === 'tag').map(({ link }) => nameOf(link)),
    changes: links.filter(isChanging).map(changeOf),
    unknown: said.flatMap((each) => each.unknown),
  }
}

function judged(link: WorldLink, of: Case): { readonly verdict: Verdict; readonly unknown: readonly string[] } {
  const { entry, judge, isSame } = link
  // it is recorded, and whatever it would say changes nothing
  if (entry.mode === 'observe') return { verdict: CONTINUE, unknown: [] }
  const judgement = judge(of, isSame)
  if ('verdict' in judgement) return { verdict: applyMode(entry.name, entry.mode, judgement.verdict), unknown: [] }
  const why = of.recorded.isCut ? 'there was no room on record for what all plugins said' : judgement.unknown
  return { verdict: CONTINUE, unknown: [`${WORDS[link.is]} ${nameOf(link)}: ${why}`] }
}

/** Only a doubt in the same words cancels out. */
const WORDS = { same: 'plugin', changed: 'changed plugin', new: 'new plugin' } as const

const nameOf = ({ entry: { name, module } }: WorldLink): string => (module === null ? name : `module ${module}`)

/** In `tag` mode a plugin may add header fields, which is all that signing does. */
const isChanging = ({ entry: { name, mode, module } }: WorldLink): boolean =>
  module === null && CHANGING.has(name) && (mode === 'enforce' || (mode === 'tag' && name === 'sign'))

const changeOf = (link: WorldLink): string => (link.isSame ? nameOf(link) : `${nameOf(link)} with other options`)

const directionOf = (client: string | null, isElsewhere: boolean) =>
  client === null ? direction(null, isElsewhere) : isElsewhere ? 'outbound' : 'internal'

function knownOf(
  { sender }: Recorded,
  { address }: RecordedRecipient,
  client: string | null,
  isElsewhere: boolean,
): Known {
  return {
    client,
    sender: sender?.domain ?? null,
    direction: directionOf(client, isElsewhere),
    recipient: address.domain,
  }
}

/** Lists of senders are asked before there is a recipient. */
function isAsked({ entry: { name }, when }: WorldLink, known: Known): boolean {
  if (when === null) return true
  return when(name === 'senders' ? { client: known.client, sender: known.sender ?? null } : known)
}

import type { Recipient, ReversePath } from '../mail/envelope.ts'
import type { Direction, Division, DivisionView, MessageView, SessionView } from './plugin.ts'
import type { Link } from './run.ts'
import { BadAnswer } from './valid.ts'

/** Whom a message is for, as conditions and dividing plugins see it. */
export interface Grouping {
  readonly session: SessionView
  readonly mailFrom: ReversePath
  readonly rcptTo: readonly { readonly recipient: Recipient; readonly direction: Direction }[]
  /** Of the message as it came. */
  readonly header: MessageView['header']
}

/** What all plugins together say of one recipient. */
export interface Divided {
  /** By the plugin's name. */
  readonly keys: ReadonlyMap<string, string>
  readonly sensitive: boolean
}

/** A plugin did not divide, or gave what cannot be understood. */
export class DivisionFailed extends Error {
  override readonly name = 'DivisionFailed'
  readonly link: Link

  constructor(link: Link, cause: unknown) {
    super('a plugin could not divide a message', { cause })
    this.link = link
  }
}

/** Plugins in other modes must change nothing, and to part a message is a change. */
export const dividers = (links: readonly Link[]): readonly Link[] =>
  links.filter(({ plugin, mode }) => plugin.divide !== undefined && mode === 'enforce')

/** For each recipient of `grouping`, what they say. `applies`: whether a link's condition holds for one. Throws DivisionFailed. */
export function divided(
  links: readonly Link[],
  grouping: Grouping,
  applies: (link: Link, index: number) => boolean,
): readonly Divided[] {
  const found = grouping.rcptTo.map(() => ({ keys: new Map<string, string>(), sensitive: false }))
  for (const link of links) {
    const indexes = [...found.keys()].filter((index) => applies(link, index))
    const said = indexes.length === 0 ? [] : ask(link, grouping, indexes)
    for (const [at, index] of indexes.entries()) {
      const [into, division] = [found[index], said[at]]
      if (into === undefined || division === undefined) continue
      into.keys.set(link.plugin.name, division.key)
      into.sensitive ||= division.sensitive === true
    }
  }
  return found
}

function ask(link: Link, grouping: Grouping, indexes: readonly number[]): readonly Division[] {
  const { session, mailFrom, header } = grouping
  const rcptTo = indexes.flatMap((index) => grouping.rcptTo[index] ?? [])
  const view: DivisionView = { session, mailFrom, rcptTo, header }
  try {
    return checked(link.plugin.divide?.(view), rcptTo.length)
  } catch (error) {
    throw new DivisionFailed(link, error)
  }
}

const MOST_KEY = 200

function checked(answer: unknown, length: number): readonly Division[] {
  if (!Array.isArray(answer) || answer.length !== length) throw new BadAnswer('there is no division for each recipient')
  return answer.map((each: unknown) => {
    const { key, sensitive } = (each ?? {}) as Readonly<Record<string, unknown>>
    if (typeof key !== 'string' || key.length > MOST_KEY) throw new BadAnswer('a division has no key')
    if (sensitive !== undefined && sensitive !== true)
      throw new BadAnswer('what a division says of sensitive is not true')
    return { key, ...(sensitive && { sensitive }) }
  })
}

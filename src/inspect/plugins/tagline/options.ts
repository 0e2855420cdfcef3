import { DIRECTIONS, isDirection } from '../../directions.ts'
import { OptionsError, OptionsReader } from '../../options.ts'
import type { Direction } from '../../plugin.ts'
import { DomainSet } from './domains.ts'
import type { TextFiles } from './files.ts'

/** Which messages get which text. */
export interface TaglineRule {
  /** Names of registered clients; null: any, and none. */
  readonly clients: ReadonlySet<string> | null
  /** Of the reverse-path. */
  readonly from: DomainSet
  /** All recipients must be in one of these. */
  readonly to: DomainSet
  readonly directions: readonly Direction[]
  /** Null: such messages get no text. */
  readonly files: TextFiles | null
}

export const PLACES = ['top', 'bottom'] as const
export const REPEATS = ['thread', 'always'] as const

/** What is common to all texts that are put into mail. */
export interface TextOptions {
  readonly place: (typeof PLACES)[number]
  /** `thread`: not where the text is shown already, quoted or not. `always`: into each message. */
  readonly repeat: (typeof REPEATS)[number]
  /** Bytes of text that are looked at; messages with more of it stay as they are. */
  readonly maxText: number
}

export interface TaglineOptions extends TextOptions {
  /** In order; the first that matches counts. */
  readonly rules: readonly TaglineRule[]
}

const NAME = 'tagline'

/** Reads the options as they stand in the configuration. Throws OptionsError. */
export function parseTaglineOptions(raw: unknown): TaglineOptions {
  const reader = new OptionsReader(NAME, raw)
  const text = reader.text('text')
  const html = reader.text('html')
  const rules = reader.maps('rules').map((each, i) => parseRule(each, `${NAME}: rule ${i + 1}`))
  const options = readTextOptions(reader, 'bottom')
  reader.done()
  const all = [...rules, ...otherwise(text, html)]
  if (all.length === 0) throw new OptionsError(`${NAME}: expected text, or rules that name one, found neither`)
  return { ...options, rules: all }
}

const MAX_TEXT = 1024 * 1024

export function readTextOptions(reader: OptionsReader, place: TextOptions['place']): TextOptions {
  return {
    place: reader.choice('place', PLACES, place),
    repeat: reader.choice('repeat', REPEATS, 'thread'),
    maxText: reader.integer('maxText', 1024, 16 * 1024 * 1024, MAX_TEXT),
  }
}

/** What outbound mail gets that no rule speaks of. */
function otherwise(text: string | null, html: string | null): readonly TaglineRule[] {
  if (text === null) {
    if (html !== null) throw new OptionsError(`${NAME}: html: it needs a text as well, for mail that is not HTML`)
    return []
  }
  const any = DomainSet.parse(['*'], NAME)
  return [{ clients: null, from: any, to: any, directions: ['outbound'], files: { text, html } }]
}

function parseRule(raw: Readonly<Record<string, unknown>>, place: string): TaglineRule {
  const reader = new OptionsReader(place, raw)
  const clients = reader.list('client', ['*'])
  const text = reader.text('text')
  const html = reader.text('html')
  const rule: TaglineRule = {
    clients: clients.includes('*') ? null : new Set(clients),
    from: DomainSet.parse(reader.list('from', ['*']), `${place}: from`),
    to: DomainSet.parse(reader.list('to', ['*']), `${place}: to`),
    directions: parseDirections(reader.list('direction', ['outbound']), place),
    files: text === null ? null : { text, html },
  }
  reader.done()
  // nothing at all would be a slip, nothing by intention is null
  if (!Object.hasOwn(raw, 'text')) throw new OptionsError(`${place}: text: expected a path, or off, found nothing`)
  if (text === null && html !== null) throw new OptionsError(`${place}: html: it needs a text as well`)
  return rule
}

function parseDirections(words: readonly string[], place: string): readonly Direction[] {
  if (words.includes('*')) return DIRECTIONS
  return words.map((word) => {
    if (isDirection(word)) return word
    throw new OptionsError(`${place}: direction: expected inbound, outbound, internal or *, found '${word}'`)
  })
}

import { stringify } from 'yaml'
import { type Field, helpOf, type KeyHelp, type Keys, type Shape, shapeOf } from './fields.ts'

/**
 * Writes the commented reference from the schema: every key with its help, unit, bounds and
 * default. A key that may be left out is commented out with one `#`; taking it away leaves YAML.
 */

/** Values that the reference shows in place of defaults, by key path joined with dots. */
export type Samples = Readonly<Record<string, unknown>>

const WIDTH = 100

/** The whole file. `samples` must make it a configuration that loads. */
export function writeReference(schema: Field<unknown>, preface: string, samples: Samples): string {
  const shape = shapeOf(schema)
  const keys = shape.is === 'section' ? Object.entries(shape.keys) : []
  const chapters = keys.map(([name, field]) => [
    ...rule(name, field),
    ...joined([block(name, field, { samples, path: name })]),
  ])
  return `${[wrapped(preface, 0).join('\n'), ...chapters.map((lines) => lines.join('\n'))].join('\n\n')}\n`
}

function rule(name: string, field: Field<unknown>): string[] {
  return isNested(helpOf(field).field) ? ['', `# ${'-'.repeat(WIDTH - 3 - name.length)} ${name}`] : []
}

interface Place {
  readonly samples: Samples
  readonly path: string
  /** What a sample or example above gives this key. */
  readonly given?: unknown
}

/** One key: what is said of it, and how it stands there. Lines without their indentation. */
interface Block {
  readonly help: readonly string[]
  readonly body: readonly string[]
}

function block(name: string, field: Field<unknown>, place: Place): Block {
  const help = helpOf(field)
  const given = place.given ?? place.samples[place.path]
  const stands = given ?? visible(help)
  const body = bodyOf(name, help.field, stands ?? help.example, place)
  const live = stands !== undefined || (help.default === undefined && help.example !== undefined)
  return {
    help: wrapped(help.help + facts(help), place.path.split('.').length - 1),
    body: live ? body : body.map(comment),
  }
}

const comment = (line: string): string => `#${line}`

// an empty list or map of structures says nothing: its example is shown instead, commented out
function visible({ default: fallback, field }: KeyHelp): unknown {
  if (fallback === null) return undefined
  return isEmpty(fallback) && isNested(field) && shapeOf(field).is !== 'section' ? undefined : fallback
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0

function isNested(field: Field<unknown>): boolean {
  const shape = shapeOf(field)
  if (shape.is === 'list') return shapeOf(shape.item).is !== 'value'
  return shape.is === 'section' || shape.is === 'map'
}

/** What a key takes, in brackets; nothing where its own keys say it. */
function facts({ default: fallback, otherwise, field, example }: KeyHelp): string {
  const parts = [brief(shapeOf(field))]
  if (fallback === undefined) parts.push('required')
  if (otherwise !== undefined) parts.push(`otherwise: ${otherwise}`)
  if (isEmpty(fallback) && isNested(field) && example !== undefined) parts.push('default: none')
  const text = parts.filter((part) => part !== '').join('; ')
  return text === '' ? '' : ` [${text}]`
}

function brief(shape: Shape): string {
  if (shape.is === 'value' || shape.is === 'forms') return shape.brief
  if (shape.is === 'map') return `map of ${shape.keys}`
  const item = shape.is === 'list' ? brief(shapeOf(shape.item)) : ''
  return shape.is === 'list' ? `list${item === '' ? '' : `, each: ${item}`}` : ''
}

function bodyOf(name: string, field: Field<unknown>, value: unknown, place: Place): string[] {
  const shape = shapeOf(field)
  if (shape.is === 'section') return [`${name}:`, ...indented(sectionLines(shape.keys, { ...place, given: value }))]
  if (shape.is === 'map') return [`${name}:`, ...indented(mapLines(shape.item, value, place))]
  if (shape.is === 'list' && isNested(field)) return [`${name}:`, ...indented(listLines(shape.item, value, place))]
  const line = `${name}: ${flow(value)}`
  return shape.is === 'forms' ? [line, ...alternative(name, shape.section, place)] : [line]
}

/** The form of a key that is a section, beneath the one that is shown, commented out. */
function alternative(name: string, field: Field<unknown>, place: Place): string[] {
  const shape = shapeOf(field)
  if (shape.is !== 'section') return []
  return ['# or', `#${name}:`, ...indented(sectionLines(shape.keys, { ...place, given: {} })).map(comment)]
}

function sectionLines(keys: Keys, place: Place): string[] {
  return joined(blocks(keys, place))
}

function blocks(keys: Keys, place: Place): Block[] {
  const given = (place.given ?? {}) as Readonly<Record<string, unknown>>
  return Object.entries(keys).map(([name, field]) => {
    return block(name, field, { samples: place.samples, path: `${place.path}.${name}`, given: given[name] })
  })
}

/** The first item is explained, the others stand on one line each. */
function listLines(item: Field<unknown>, value: unknown, place: Place): string[] {
  const shape = shapeOf(item)
  if (shape.is === 'oneOf') {
    const entries = Object.entries(shape.keys).map(([name, field]) => pluginLines(name, field, place))
    return entries.flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]))
  }
  const [first, ...others] = Array.isArray(value) ? value : []
  const lines =
    shape.is === 'section'
      ? dashed(blocks(shape.keys, { ...place, path: `${place.path}.[]`, given: first }))
      : [`- ${flow(first)}`]
  return [...lines, ...others.map((other) => `- ${flow(other)}`)]
}

function pluginLines(name: string, field: Field<unknown>, place: Place): string[] {
  const help = helpOf(field)
  const body = bodyOf(name, help.field, {}, { samples: {}, path: `${place.path}.[].${name}` })
  return [...wrapped(help.help, 1), ...dashes(body)]
}

const dashes = ([head = '', ...tail]: readonly string[]): string[] => [`- ${head}`, ...indented(tail)]

// what is said of the first key stands above the dash
function dashed([first, ...rest]: readonly Block[]): string[] {
  return [...(first?.help ?? []), ...dashes(first?.body ?? []), ...indented(spaced(rest, first))]
}

function mapLines(item: Field<unknown>, value: unknown, place: Place): string[] {
  const entries = Object.entries((value ?? {}) as Readonly<Record<string, unknown>>)
  return entries.flatMap(([name, body], index) => {
    const shape = shapeOf(item)
    const explained = shape.is === 'section' && index === 0
    return explained ? bodyOf(name, item, body, { ...place, path: `${place.path}.*` }) : [`${name}: ${flow(body)}`]
  })
}

const joined = (found: readonly Block[]): string[] => spaced(found, undefined)

// short keys stand together; a blank line sets longer ones apart
function spaced(found: readonly Block[], before: Block | undefined): string[] {
  return found.flatMap((block, index) => {
    const previous = index === 0 ? before : found[index - 1]
    const apart = previous !== undefined && (isLong(block) || isLong(previous))
    return [...(apart ? [''] : []), ...block.help, ...block.body]
  })
}

const isLong = ({ help, body }: Block): boolean => help.length + body.length > 2

const indented = (lines: readonly string[]): string[] => lines.map((line) => (line === '' ? '' : `  ${line}`))

function flow(value: unknown): string {
  const options = { collectionStyle: 'flow', lineWidth: 0, singleQuote: true, flowCollectionPadding: true } as const
  return stringify(value, options).trim().replaceAll('[ ', '[').replaceAll(' ]', ']')
}

/** Text as comment lines. Paragraphs are kept apart; what stands in brackets is kept together where a line holds it. */
function wrapped(text: string, depth: number): string[] {
  // the comment's mark, and one more for what is commented out
  const width = WIDTH - 3 - depth * 2
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = ['']
    for (const word of words(paragraph, width)) {
      const line = lines.at(-1) ?? ''
      const longer = line === '' ? word : `${line} ${word}`
      if (longer.length <= width || line === '') lines[lines.length - 1] = longer
      else lines.push(word)
    }
    return lines.map((line) => (line === '' ? '#' : `# ${line}`))
  })
}

function words(paragraph: string, width: number): string[] {
  const at = paragraph.endsWith(']') ? paragraph.lastIndexOf(' [') : -1
  const brackets = at < 0 ? '' : paragraph.slice(at + 1)
  if (brackets === '' || brackets.length > width) return paragraph.split(' ')
  return [...paragraph.slice(0, at).split(' '), brackets]
}

import { type Context, path } from '../context.ts'
import {
  type Field,
  forms,
  key,
  list,
  optional,
  refined,
  required,
  section,
  shaped,
  shorthand,
  value,
} from '../fields.ts'
import { choice, domainOrBelow, duration, pattern } from '../kinds.ts'
import { type PluginKeys, plugins } from './plugins.ts'

/** One entry of the chain, in the order in which they run within their phase. */
export interface PluginEntry {
  /** A built-in plugin's name, or `module`. */
  readonly name: string
  /** The operator's own module, absolute; null for a built-in one. */
  readonly module: string | null
  readonly mode: 'observe' | 'tag' | 'enforce'
  /** Milliseconds for each of its methods; afterwards the message is deferred. */
  readonly deadline: number
  /** For which mail it is asked; null for all. */
  readonly when: WhenEntry | null
  /** The plugin's own options, checked for built-in ones, as they stand for a module. */
  readonly options: Readonly<Record<string, unknown>>
}

/** Every list that is not null must match. */
export interface WhenEntry {
  readonly direction: readonly ('inbound' | 'outbound' | 'internal')[] | null
  readonly clients: readonly string[] | null
  readonly senders: readonly string[] | null
  readonly recipients: readonly string[] | null
}

const clientOrOutside = pattern(
  "the name of a client, or '*' for the outside world",
  /^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$/,
)

const when = section({
  direction: optional(
    list(choice('inbound', 'outbound', 'internal'), { min: 1, max: 3 }),
    ['inbound'],
    'any',
    'inbound: from outside. outbound: from a client to elsewhere. internal: from a client to a domain of ours. Of each recipient by itself.',
  ),
  clients: optional(
    list(clientOrOutside, { min: 1 }),
    ['royal-infirmary'],
    'any',
    "Names of clients that mail comes from; '*' is the outside world.",
  ),
  senders: optional(
    list(domainOrBelow(), { min: 1 }),
    ['royal.example.test'],
    'any',
    'Domains of the envelope sender; with a leading dot, all names below. Bounces, which have no sender, match none.',
  ),
  recipients: optional(
    list(domainOrBelow(), { min: 1 }),
    ['.secure.example.test'],
    'any',
    'Domains of the recipient, likewise. A message whose recipients differ in what applies to them is split.',
  ),
})

const common = () => ({
  mode: key(
    choice('observe', 'tag', 'enforce'),
    'enforce',
    'observe: record what it would do. tag: at most mark the message. enforce: do it.',
  ),
  deadline: key(
    duration('100ms', '10m'),
    '30s',
    'How long it may take over one message. Then the message is deferred (451).',
  ),
  when: optional(when, {}, 'all mail', 'For which mail it is asked. Every key that is given must match.'),
})

type Common = Pick<PluginEntry, 'mode' | 'deadline' | 'when'>

function builtIn(name: string, { keys, built, check }: PluginKeys): Field<PluginEntry> {
  return refined(section({ ...common(), ...keys }), (found, refuse) => {
    if (!built)
      refuse([], `the plugin ${name} is not part of this version, and mail must not pass as if it were: take it out`)
    check?.(found, refuse)
    const { mode, deadline, when, ...options } = found as Common & Readonly<Record<string, unknown>>
    return { name, module: null, mode, deadline, when, options }
  })
}

type Bodies = Readonly<Record<string, Field<PluginEntry>>>

const isMap = (input: unknown): input is Readonly<Record<string, unknown>> =>
  typeof input === 'object' && input !== null && !Array.isArray(input)

const anyMap = value('a map of options', (input) => (isMap(input) ? input : undefined))

/** The operator's own plugin: its path alone, or a map with mode, deadline and options too. */
function ownModule(context: Context): Field<PluginEntry> {
  const keys = {
    path: required(path(context), './plugins/ours.js', 'The module. Its default export is an Inspector or a Modifier.'),
    ...common(),
    options: key(anyMap, {}, 'Handed to the module as it stands; Postern does not look into it.'),
  }
  const detailed = refined(section(keys), ({ path: module, mode, deadline, when, options }): PluginEntry => {
    return { name: 'module', module, mode, deadline, when, options }
  })
  return shorthand(detailed, (input) => (typeof input === 'string' ? { path: input } : input))
}

const OWN_PLUGIN = "A plugin of one's own, from a module file."

/** The ordered chain. Each entry is a map of one key, the plugin's name. */
export function inspect(context: Context): Field<readonly PluginEntry[]> {
  const known = Object.entries(plugins(context))
  const bodies: Record<string, Field<PluginEntry>> = {}
  for (const [name, plugin] of known) bodies[name] = required(builtIn(name, plugin), {}, plugin.help)
  bodies.module = required(ownModule(context), {}, OWN_PLUGIN)
  const documented = [...known.filter(([, { built }]) => built).map(([name]) => name), 'module']
  const one = forms('a map of one key, the name of a plugin', anyMap, (input) => entry(bodies, input))
  return list(shaped(one, { is: 'oneOf', keys: only(bodies, documented) }), { max: 100 })
}

const only = (bodies: Bodies, names: readonly string[]): Bodies =>
  Object.fromEntries(Object.entries(bodies).filter(([name]) => names.includes(name)))

function entry(bodies: Bodies, input: unknown): Field<PluginEntry> | undefined {
  if (!isMap(input) || Object.keys(input).length !== 1) return undefined
  const [name = ''] = Object.keys(input)
  if (!Object.hasOwn(bodies, name)) return unknownPlugin(Object.keys(bodies))
  return refined(section(only(bodies, [name])), (found) => found[name] as PluginEntry)
}

// a section of all names, none of which need be there, refuses the unknown one and names those it knows
const unknownPlugin = (names: readonly string[]) =>
  section(
    Object.fromEntries(names.map((name) => [name, optional(anyMap, {}, '', '')])),
  ) as unknown as Field<PluginEntry>

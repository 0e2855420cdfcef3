import { z } from 'zod'

/**
 * The vocabulary in which the schema is written. Each helper gives a zod schema that parses
 * YAML's plain data, and registers beside it what people need to know: the reference file and
 * the error messages are made from that, so they can never differ from what is enforced.
 */

/** A schema whose input is whatever the YAML held. */
export type Field<T> = z.ZodType<T, unknown>

/** What a field looks like to a person. */
export type Shape =
  /** One scalar (or something as short). `expects` completes "expected …"; `brief` says it shorter, for the reference. */
  | { readonly is: 'value'; readonly expects: string; readonly brief: string }
  | { readonly is: 'section'; readonly keys: Keys }
  | { readonly is: 'list'; readonly item: Field<unknown> }
  /** A map whose keys the operator chooses; `keys` says what they are. */
  | { readonly is: 'map'; readonly keys: string; readonly item: Field<unknown> }
  /** Several forms; those that are sections have their keys documented from `section`. */
  | { readonly is: 'forms'; readonly brief: string; readonly section: Field<unknown> }
  /** A map of exactly one of these keys. */
  | { readonly is: 'oneOf'; readonly keys: Keys }

/** One key of a section, as the operator reads of it. */
export interface KeyHelp {
  /** What it does and why one would change it: whole sentences. */
  readonly help: string
  /** As it would be written in YAML; undefined where the key must be given, null where it may be left out. */
  readonly default: unknown
  /** What leaving it out means, where null alone does not say. */
  readonly otherwise?: string
  /** Shown in the reference where there is no default. */
  readonly example?: unknown
  readonly field: Field<unknown>
}

export type Keys = Readonly<Record<string, Field<unknown>>>
type Values<S extends Keys> = { readonly [K in keyof S]: z.output<S[K]> }

// beside the schemas, which stay plain zod; an entry goes with its schema
const SHAPES = new WeakMap<object, Shape>()
const KEY_HELP = new WeakMap<object, KeyHelp>()

/** The shape of a field made here; throws for any other, which would have no documentation. */
export function shapeOf(field: Field<unknown>): Shape {
  const shape = SHAPES.get(field)
  if (shape === undefined) throw new Error('a field of the schema has no shape')
  return shape
}

/** The help of a key; throws if it was not made by `required`, `optional` or `key`. */
export function helpOf(field: Field<unknown>): KeyHelp {
  const help = KEY_HELP.get(field)
  if (help === undefined) throw new Error('a key of the schema has no help')
  return help
}

/** Gives a field a shape, replacing what it had. */
export function shaped<T>(field: Field<T>, shape: Shape): Field<T> {
  SHAPES.set(field, shape)
  return field
}

/** One scalar. `read` gives undefined for what it does not take. */
export function value<T>(expects: string, read: (input: unknown) => T | undefined, brief = expects): Field<T> {
  const field = z.unknown().transform((input, context): T => {
    const result = read(input)
    if (result !== undefined) return result
    context.issues.push({ code: 'custom', input, message: expects })
    return z.NEVER
  })
  return shaped(field, { is: 'value', expects, brief })
}

/** A map of known keys; any other key is an error. An empty section (`queue:`) is all defaults. */
export function section<S extends Keys>(keys: S): Field<Values<S>> {
  // for an unknown key the message carries the known ones, from which the loader suggests the nearest
  const known = Object.keys(keys).join(' ')
  const object = z.strictObject(keys, {
    error: ({ code }) => (code === 'unrecognized_keys' ? known : 'a map of keys'),
  })
  const field = z.preprocess((input) => (input === null ? {} : input), object)
  return shaped(field as unknown as Field<Values<S>>, { is: 'section', keys })
}

/** A list of at least `min` and at most `max` items. */
export function list<T>(item: Field<T>, { min = 0, max = 10_000 } = {}): Field<readonly T[]> {
  const size = min === 0 ? 'a list' : `a list of at least ${min}`
  const field = z.array(item, { error: 'a list' }).min(min, size).max(max, `a list of at most ${max}`)
  return shaped(field as Field<readonly T[]>, { is: 'list', item })
}

/**
 * A map whose keys the operator chooses. The result is a Map, because keys such as a domain are
 * looked up with what strangers send, and `constructor` must not be found.
 */
export function mapOf<T>(name: string, keys: Field<string>, item: Field<T>): Field<ReadonlyMap<string, T>> {
  const field = z.unknown().transform((input, context): ReadonlyMap<string, T> => {
    const result = new Map<string, T>()
    for (const [written, body] of entriesOf(input, name, context)) {
      const made = keys.safeParse(written)
      if (!made.success) adopt(context, made.error.issues, [written], { key: true })
      else if (result.has(made.data)) adopt(context, [twice(made.data)], [written], { whole: true })
      const value = item.safeParse(body)
      if (!value.success) adopt(context, value.error.issues, [written])
      if (made.success && value.success) result.set(made.data, value.data)
    }
    return result
  })
  return shaped(field, { is: 'map', keys: name, item })
}

type Issue = z.core.$ZodIssue
type Context = { readonly issues: z.core.$ZodRawIssue[] }

const twice = (name: string) => ({ code: 'custom', path: [], message: `${name} stands here a second time` }) as Issue

function entriesOf(input: unknown, name: string, context: Context): [string, unknown][] {
  if (input === null) return []
  if (typeof input === 'object' && !Array.isArray(input)) return Object.entries(input)
  context.issues.push({ code: 'custom', input, message: `a map of ${name}` })
  return []
}

// takes over what an inner field found, at its place below this one
function adopt(context: Context, issues: readonly Issue[], path: readonly PropertyKey[], params?: object): void {
  for (const issue of issues) {
    const moved = { ...issue, path: [...path, ...issue.path], input: undefined }
    context.issues.push((params === undefined ? moved : { ...moved, params }) as z.core.$ZodRawIssue)
  }
}

/**
 * Several forms of one thing: `choose` looks at the input and gives the field that reads it, or
 * undefined where none does.
 */
export function forms<T>(
  expects: string,
  documented: Field<unknown>,
  choose: (input: unknown) => Field<T> | undefined,
  brief = expects,
): Field<T> {
  const field = z.unknown().transform((input, context): T => {
    const result = choose(input)?.safeParse(input)
    if (result?.success) return result.data
    adopt(context, result?.error.issues ?? [{ code: 'custom', message: expects, path: [] }], [])
    return z.NEVER
  })
  return shaped(field, { is: 'forms', brief, section: documented })
}

/** A field that also takes a shorter form, which `expand` turns into the full one. */
export function shorthand<T>(field: Field<T>, expand: (input: unknown) => unknown): Field<T> {
  return shaped(z.preprocess(expand, field as unknown as z.ZodUnknown) as Field<T>, shapeOf(field))
}

/** A field whose value is made into another, or refused at a key of its own. */
export function refined<T, R>(field: Field<T>, refine: (value: T, refuse: Refuse) => R): Field<R> {
  const result = field.transform((found, context): R => {
    let refused = false
    const refuse: Refuse = (path, message) => {
      refused = true
      context.issues.push({ code: 'custom', input: found, path: [...path], message, params: { whole: true } })
    }
    const made = refine(found, refuse)
    return refused ? z.NEVER : made
  })
  return shaped(result, shapeOf(field))
}

/** Says what is wrong, as a whole sentence, at a key below the field. */
export type Refuse = (path: readonly (string | number)[], message: string) => void

/** A key with a default, as it would be written in YAML. An example shows what the default, being empty, does not. */
export function key<T>(field: Field<T>, fallback: unknown, help: string, example?: unknown): Field<T> {
  return withHelp(z.prefault(field, fallback) as Field<T>, { help, default: fallback, example, field })
}

/** A key that must be given. A clone, because the same field may serve several keys. */
export function required<T>(field: Field<T>, example: unknown, help: string): Field<T> {
  return withHelp(field.clone(), { help, default: undefined, example, field })
}

/** A key that may be left out or empty: the result is then null. `otherwise` says what that means. */
export function optional<T>(field: Field<T>, example: unknown, otherwise: string, help: string): Field<T | null> {
  const nullable = z.prefault(z.nullable(field), null) as Field<T | null>
  return withHelp(nullable, { help, default: null, example, otherwise, field })
}

function withHelp<T>(field: Field<T>, help: KeyHelp): Field<T> {
  KEY_HELP.set(field, help)
  return shaped(field, shapeOf(help.field))
}

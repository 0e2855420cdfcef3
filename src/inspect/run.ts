import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { reply } from '../mail/reply.ts'
import type { Verdict } from '../mail/verdict.ts'
import type { Metrics } from '../metrics.ts'
import { applyMode } from './mode.ts'
import { type HeaderPair, type Hook, type Outcome, type PluginResult, withChanges } from './outcome.ts'
import type { Answer, Mode, Plugin, Removal } from './plugin.ts'
import { checkAnswer } from './valid.ts'
import type { Condition } from './when.ts'

/** A plugin at its place in the chain. */
export interface Link<P extends Plugin = Plugin> {
  readonly plugin: P
  readonly mode: Mode
  /** Milliseconds for each call. */
  readonly deadlineMs: number
  /** For which mail it is asked; null, or left out, is all. */
  readonly when?: Condition | null
}

export interface RunContext {
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

/** Where a call comes from, for the log. */
export interface Place {
  readonly hook: Hook
  readonly session: string
}

/** The client hears nothing of the plugin: what failed is the operator's business. */
const UNCHECKED = reply(451, '4.7.1', 'The message could not be checked just now; try again later')

/** An outcome with the header fields that must go. */
export interface Inspected extends Outcome {
  readonly removals: readonly Removal[]
}

/** Asks one inspector. Never rejects: whatever goes wrong is `defer`, softened by the plugin's mode. */
export async function inspectWith(
  link: Link,
  place: Place,
  context: RunContext,
  call: (signal: AbortSignal) => Promise<Verdict | Answer>,
  gone: AbortSignal | null,
): Promise<Inspected> {
  const ran = await attempt(link, context, gone, async (signal) => checkAnswer(await call(signal)))
  if ('error' in ran) {
    return { ...record(link, place, context, deferred(link, place, context, ran.error), ran), removals: [] }
  }
  const { verdict, add, remove, facts } = ran.value
  const outcome = record(link, place, context, verdict, { ms: ran.ms, ...(facts !== undefined && { facts }) })
  if (link.mode === 'observe') return { ...outcome, removals: [] }
  const fields = [...outcome.fields, ...(add ?? [])]
  return withChanges({ ...outcome, fields, removals: remove ?? [] }, addedFields(fields))
}

const addedFields = (fields: readonly HeaderPair[]) =>
  fields.length === 0 ? {} : { added: fields.map(([name]) => name) }

/** `defer`, because the plugin failed; the cause is for the log only. */
export function deferred(link: Link, { hook, session }: Place, { log }: RunContext, error: unknown): Verdict {
  const cause = error instanceof Error ? error.message : String(error)
  const { name } = link.plugin
  const line = { plugin: name, hook, session, mode: link.mode, cause: cause.slice(0, 500) }
  if (error instanceof ClientGone) log.info(line, 'an inspection was broken off')
  else log.error(line, 'a plugin failed')
  return { action: 'defer', reason: `${name} failed`, reply: UNCHECKED }
}

/** What a verdict amounts to in the plugin's mode, counted and with its record. */
export function record(
  { plugin: { name }, mode }: Link,
  { hook }: Place,
  { metrics }: RunContext,
  said: Verdict,
  ran: { readonly ms: number; readonly error?: unknown; readonly facts?: Readonly<Record<string, unknown>> },
  reason: string | null = said.action === 'continue' ? null : said.reason,
): Outcome {
  metrics.observe('postern_inspection_seconds', ran.ms / 1000, { plugin: name })
  metrics.count('postern_inspection_total', { plugin: name, verdict: said.action })
  const base = { plugin: name, hook, mode, verdict: said.action, reason, ms: ran.ms }
  const result: PluginResult = {
    ...base,
    ...('error' in ran && { failed: true }),
    ...(ran.facts !== undefined && { facts: ran.facts }),
  }
  const verdict = applyMode(name, mode, said)
  return {
    verdict,
    plugin: verdict.action === 'continue' ? null : name,
    fields: verdict.action === 'tag' ? verdict.fields : [],
    results: [result],
  }
}

/** No fault of the plugin. */
class ClientGone extends Error {}

type Ran<T> = { readonly ms: number; readonly value: T } | { readonly ms: number; readonly error: unknown }

/** Runs a plugin's method within its deadline. */
export async function attempt<T>(
  { deadlineMs }: Link,
  { clock }: RunContext,
  gone: AbortSignal | null,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<Ran<T>> {
  const startedAt = clock.now()
  try {
    const value = await within(deadlineMs, clock, gone, call)
    return { value, ms: clock.now() - startedAt }
  } catch (error) {
    return { error, ms: clock.now() - startedAt }
  }
}

/** What comes after the deadline, or after the client has gone, is dropped. */
function within<T>(
  deadlineMs: number,
  clock: Clock,
  gone: AbortSignal | null,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  return new Promise<T>((resolve, reject) => {
    const stop = (error: Error) => {
      controller.abort(error)
      reject(error)
    }
    const cancel = clock.after(deadlineMs, () => stop(new Error(`no answer in ${deadlineMs} ms`)))
    const left = () => stop(new ClientGone('the client has gone'))
    if (gone?.aborted) left()
    else gone?.addEventListener('abort', left, { once: true })
    // in an async function, so that a throw is a rejection
    const answer = (async () => call(controller.signal))()
    answer.then(resolve, reject).finally(() => {
      cancel()
      gone?.removeEventListener('abort', left)
    })
  })
}

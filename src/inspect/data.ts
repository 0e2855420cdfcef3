import { sha256Of } from '../mail/digest.ts'
import { CONTINUE, type Verdict } from '../mail/verdict.ts'
import {
  type ContentLimits,
  type Draft,
  modified,
  wholeContent,
  wholeHeader,
  withFields,
  withoutFields,
} from './content.ts'
import { formatFields } from './fields.ts'
import { type Links, PHASES } from './links.ts'
import type { ChainMessage } from './message.ts'
import { type Changes, type ContentOutcome, merge, type Outcome, withChanges } from './outcome.ts'
import type { Answer, Inspector, MessageView, Modification, Modifier, Phase, Removal } from './plugin.ts'
import { attempt, deferred, type Inspected, inspectWith, type Link, type RunContext, record } from './run.ts'
import { checkModifications } from './valid.ts'

/** One message's way through the phases. */
interface Passage {
  readonly message: ChainMessage
  readonly limits: ContentLimits
  readonly context: RunContext
  readonly gone: AbortSignal
}

interface Step {
  readonly draft: Draft
  readonly outcome: Outcome
}

/**
 * Takes a message through the four phases. In each, the inspectors look side by side, then the
 * modifiers change one after the other. What refuses the message ends the passage; a message that
 * will be held is still changed and signed, so that its release needs nothing but delivery.
 */
export async function inspectContent(
  links: Links,
  message: ChainMessage,
  limits: ContentLimits,
  context: RunContext,
  gone: AbortSignal,
): Promise<ContentOutcome> {
  const passage = { message, limits, context, gone }
  const begun = begin(message, links.ownFields)
  let step: Step = { draft: begun.draft, outcome: message.earlier }
  for (const phase of PHASES) {
    if (isOver(step.outcome)) break
    step = await inspectPhase(links, phase, passage, step)
    step = await modifyPhase(links, phase, passage, step)
  }
  const { prefix, content, eightBit, sensitive } = step.draft
  const { names: stripped } = begun
  const marks = { ...(sensitive && { sensitive }), ...(stripped.length > 0 && { stripped }) }
  return { ...step.outcome, prefix, content, eightBit, ...marks }
}

const isOver = ({ verdict: { action } }: Outcome): boolean =>
  action === 'reject' || action === 'defer' || action === 'discard'

/** Our own marks from elsewhere are not to be believed, and do not pass. */
function begin({ prefix, content, header, envelope }: ChainMessage, ownFields: readonly string[]): Removed {
  const came: Draft = { prefix: EMPTY, content, header, eightBit: null, sensitive: envelope.sensitive === true }
  const { draft, names } = without(
    came,
    ownFields.map((name) => ({ name })),
  )
  return { draft: { ...draft, prefix }, names }
}

interface Removed {
  readonly draft: Draft
  /** Of those fields that there were. */
  readonly names: readonly string[]
}

function without(from: Draft, removals: readonly Removal[]): Removed {
  let draft = from
  const names: string[] = []
  for (const { name, matches } of removals) {
    const left = withoutFields(draft, name, (value) => isWanted(matches, value))
    if (left !== draft) names.push(name)
    draft = left
  }
  return { draft, names }
}

const EMPTY = Buffer.alloc(0)

async function inspectPhase(links: Links, phase: Phase, passage: Passage, step: Step): Promise<Step> {
  const inspectors = (links.inspectors.get(phase) ?? []).filter(({ plugin }) => plugin.data !== undefined)
  if (inspectors.length === 0) return step
  const look = viewer(passage, step)
  const said = await Promise.all(inspectors.map((link) => inspect(link, passage, look)))
  const fields = said.flatMap((outcome) => outcome.fields)
  const heard: Outcome[] = []
  let { draft } = step
  for (const outcome of said) {
    const removed = without(draft, outcome.removals)
    draft = removed.draft
    heard.push(withChanges(outcome, removed.names.length === 0 ? {} : { removed: removed.names }))
  }
  return { draft: withFields(draft, formatFields(fields)), outcome: merge([step.outcome, ...heard]) }
}

/** A field that a plugin cannot judge goes: it was not to be believed. */
function isWanted(matches: Removal['matches'], value: string): boolean {
  try {
    return matches?.(value) ?? true
  } catch {
    return true
  }
}

function inspect(link: Link<Inspector>, { message, context, gone }: Passage, look: Look): Promise<Inspected> {
  const place = { hook: 'data', session: message.session.id } as const
  const call = async (signal: AbortSignal): Promise<Verdict | Answer> =>
    (await link.plugin.data?.(look(signal))) ?? CONTINUE
  return inspectWith(link, place, context, call, gone)
}

async function modifyPhase(links: Links, phase: Phase, passage: Passage, begun: Step): Promise<Step> {
  let step = begun
  for (const link of links.modifiers.get(phase) ?? []) {
    if (isOver(step.outcome)) break
    step = await modify(link, passage, step)
  }
  return step
}

/** All of a modifier's changes, or none of them. */
async function modify(link: Link<Modifier>, passage: Passage, step: Step): Promise<Step> {
  const { message, context, limits, gone } = passage
  const place = { hook: 'modify', session: message.session.id } as const
  const look = viewer(passage, step)
  const ran = await attempt(link, context, gone, async (signal) => {
    const changes = checkModifications(await link.plugin.modify(look(signal)))
    const draft = await modified(step.draft, changes, limits)
    const applies = mayApply(link, changes)
    return { changes, draft, applies, changed: applies ? await changesOf(changes, step.draft, draft) : {} }
  })
  if ('error' in ran) return failed(step, record(link, place, context, deferred(link, place, context, ran.error), ran))
  const { changes, draft, applies, changed } = ran.value
  const outcome = withChanges(record(link, place, context, CONTINUE, ran, describe(changes, applies)), changed)
  return { draft: applies ? draft : step.draft, outcome: merge([step.outcome, outcome]) }
}

function failed({ draft, outcome }: Step, said: Outcome): Step {
  return { draft: withFields(draft, formatFields(said.fields)), outcome: merge([outcome, said]) }
}

/** In `tag` mode a modifier may add header fields, as an inspector may; if it would do more, it does nothing. */
function mayApply({ mode }: Link, changes: readonly Modification[]): boolean {
  if (mode === 'observe') return false
  return mode === 'enforce' || changes.every((change) => change.do === 'addHeader')
}

/** For the record: names of fields, and the hashes of the whole message around new content. */
async function changesOf(changes: readonly Modification[], before: Draft, after: Draft): Promise<Changes> {
  const named = (what: 'addHeader' | 'removeHeader') =>
    changes.flatMap((change) => (change.do === what ? [change.name] : [])).slice(0, MOST_NAMED)
  const [added, removed] = [named('addHeader'), named('removeHeader')]
  const isReplaced = changes.some((change) => change.do === 'replaceContent')
  return {
    ...(added.length > 0 && { added }),
    ...(removed.length > 0 && { removed }),
    ...(isReplaced && { replaced: { before: await hashOf(before), after: await hashOf(after) } }),
  }
}

const MOST_NAMED = 20
const hashOf = ({ prefix, content }: Draft) => sha256Of(prefix, content)

function describe(changes: readonly Modification[], applies: boolean): string | null {
  if (changes.length === 0) return null
  const what = changes.map((change) => (change.do === 'replaceContent' ? change.do : `${change.do} ${change.name}`))
  return `${applies ? 'did' : 'would do'}: ${what.slice(0, 20).join(', ')}`
}

type Look = (signal: AbortSignal) => MessageView

/** What plugins see of the message at this step: made once, whoever looks. */
function viewer({ message }: Passage, { draft, outcome }: Step): Look {
  const { session, mailFrom, rcptTo, direction, envelope, divisions } = message
  const content = wholeContent(draft)
  const header = wholeHeader(draft)
  const { results } = outcome
  const same = { session, mailFrom, rcptTo, direction, envelope, content, header, results }
  return (signal) => ({ ...same, ...(divisions !== undefined && { divisions }), signal })
}

import type { ContentOutcome, PluginResult } from '../inspect/outcome.ts'
import type { SessionView } from '../inspect/plugin.ts'
import type { Hashes } from '../mail/custody.ts'
import type { Envelope, Recipient } from '../mail/envelope.ts'
import type { DataInfo, WireSession } from '../smtp/server/contract.ts'
import type { DeliveryPlan } from '../spool/contract.ts'
import { type Part, splitOf } from './parts.ts'
import type { OpenTransaction } from './transaction.ts'

type Facts = Readonly<Record<string, unknown>>

/** Characters of JSON that the facts of one message may have. Its recipients stand beside them, and are never cut. */
export const FACTS_LIMIT = 32_768

/** What is known of a message when it is taken. */
export interface Taken {
  readonly open: OpenTransaction
  readonly wire: WireSession
  readonly view: SessionView
  /** As in the trace field. */
  readonly protocol: string
  readonly info: DataInfo
  readonly part: Part
  readonly outcome: Pick<ContentOutcome, 'results' | 'stripped'>
  readonly sha256: Hashes
  readonly envelope: Envelope
  readonly plans: readonly DeliveryPlan[]
}

/** The facts of the entry `received`; `mail/custody.ts` reads them. */
export function receivedFacts({ outcome, ...taken }: Taken): Facts {
  const { info, part, sha256, envelope, plans } = taken
  const { results, stripped } = outcome
  const facts = {
    ...sessionFacts(taken),
    ...(info.normalised > 0 && { normalised: info.normalised }),
    sha256,
    ...(envelope.sensitive === true && { sensitive: true }),
    ...splitOf(part),
    ...(stripped !== undefined && { stripped }),
    ...recordOfHolds(plans),
    ...recordOfUntold(envelope),
  }
  if (results.length === 0) return facts
  return { ...facts, ...recordOfInspection(results, Math.max(LEAST, FACTS_LIMIT - jsonSize(facts) - WORDS_BESIDE)) }
}

/** For the verdicts, however much else there is. */
const LEAST = 4096
/** For the keys, and for what the spool adds: client, sender, Message-ID and size. */
const WORDS_BESIDE = 2048

function sessionFacts({ open, wire, view, protocol }: Omit<Taken, 'outcome'>): Facts {
  const { tls } = wire
  return {
    session: wire.id,
    transaction: open.name,
    address: wire.remoteAddress,
    helo: wire.helo,
    protocol,
    ...(view.remoteName !== null && { name: view.remoteName }),
    ...(tls !== null && { tls: tls.protocol, cipher: tls.cipher }),
    ...(tls?.clientFingerprint && { certificate: tls.clientFingerprint }),
    ...(wire.user !== null && { user: wire.user }),
  }
}

/**
 * What plugins said of a message, for the record: without names of files, which may be those of patients, and
 * with no more than `limit` characters of JSON. What there is no room for is marked: a plugin's facts by
 * `{"cut": true}`, results that were left out by their number in `inspectionCut`.
 */
export function recordOfInspection(results: readonly PluginResult[], limit: number): Facts {
  if (results.length === 0) return {}
  const whole = results.map(withoutFileNames)
  if (jsonSize(whole) <= limit) return { inspection: whole }
  const bare = withoutLargestFacts(whole, limit)
  const kept = asManyAsFit(bare, limit)
  const left = results.length - kept.length
  return { inspection: kept, ...(left > 0 && { inspectionCut: left }) }
}

const jsonSize = (value: unknown): number => JSON.stringify(value).length

/** Keys of facts that hold names of attached files, by plugin. Of a list its length is kept. */
const FILE_NAMES: Readonly<Record<string, ReadonlySet<string>>> = {
  attachments: new Set(['path']),
  virus: new Set(['removed']),
}

function withoutFileNames(result: PluginResult): PluginResult {
  const names = FILE_NAMES[result.plugin]
  if (names === undefined || result.facts === undefined) return result
  const text = JSON.stringify(result.facts, (key, value) => (names.has(key) ? countOf(value) : value))
  return { ...result, facts: JSON.parse(text) }
}

const countOf = (value: unknown): number | undefined => (Array.isArray(value) ? value.length : undefined)

const CUT = { cut: true }

/** What who sent it proved is asked for more often than anything else: it is the last to go. */
const isPrecious = ({ plugin }: PluginResult): boolean => plugin === 'authentication'

function withoutLargestFacts(results: readonly PluginResult[], limit: number): readonly PluginResult[] {
  const bare = [...results]
  const sized = results.map((result, i) => ({ i, size: jsonSize(result.facts ?? null), last: isPrecious(result) }))
  let over = jsonSize(results) - limit
  for (const { i, size } of sized.sort((a, b) => Number(a.last) - Number(b.last) || b.size - a.size)) {
    const result = bare[i]
    if (over <= 0) break
    if (result?.facts === undefined || size <= jsonSize(CUT)) continue
    bare[i] = { ...result, facts: CUT }
    over -= size - jsonSize(CUT)
  }
  return bare
}

/** First those that had something to say, then the others; in the order in which they spoke. */
function asManyAsFit(results: readonly PluginResult[], limit: number): readonly PluginResult[] {
  const speaking = ({ verdict, changed }: PluginResult) => verdict !== 'continue' || changed !== undefined
  const inTurn = [...results.filter(speaking), ...results.filter((result) => !speaking(result))]
  const kept = new Set<PluginResult>()
  let room = limit - 2
  for (const result of inTurn) {
    room -= jsonSize(result) + 1
    if (room < 0) break
    kept.add(result)
  }
  return results.filter((result) => kept.has(result))
}

/** Different holds of one message that are described; each recipient's own stands in the queue. */
const MOST_HOLDS = 8

/** Who holds which recipients, why, until when and what then. */
export function recordOfHolds(plans: readonly DeliveryPlan[]): Facts {
  const holds = new Map<string, { readonly hold: Facts; readonly recipients: number[] }>()
  plans.forEach((plan, index) => {
    if (plan.do !== 'hold') return
    const { told: _, ...hold } = plan.hold
    const key = JSON.stringify(hold)
    const known = holds.get(key)
    if (known === undefined) holds.set(key, { hold, recipients: [index] })
    else known.recipients.push(index)
  })
  if (holds.size === 0) return {}
  return {
    holds: [...holds.values()].slice(0, MOST_HOLDS).map(({ hold, recipients }) => {
      return recipients.length === plans.length ? hold : { ...hold, recipients }
    }),
  }
}

/** Recipients whose sender asked not to be told of a failure. */
export function recordOfUntold({ rcptTo }: Envelope): Facts {
  const untold = rcptTo.flatMap((recipient, index) => (isFailureTold(recipient) ? [] : [index]))
  return untold.length === 0 ? {} : { untold }
}

const isFailureTold = ({ notify }: Recipient): boolean => notify === null || notify.includes('failure')

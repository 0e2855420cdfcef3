import { type AttemptFacts, isToldOfDelay, type ReceivedFacts, readAction, readAttempt } from '../../mail/custody.ts'
import type { Fate } from '../../mail/fate.ts'
import type { ApiHold, ApiRecipient, ApiTracedMessage, ApiTraceEvent } from '../api.ts'
import type { WallClock } from './wall-clock.ts'

export interface FateContext {
  readonly facts: ReceivedFacts
  readonly clock: WallClock
  readonly message: ApiTracedMessage
  /** The recipient as the queue has it now; null where it does not. */
  readonly now: ApiRecipient | null
}

type OneFate = Fate<ApiTraceEvent>

/** What happened to one recipient, and where it stands: sentences that claim nothing the record does not say. */
export function fateSentences(fate: OneFate, context: FateContext): string[] {
  return [...history(fate, context), ...standing(fate, context)]
}

/** The same of a recipient that the queue has, and of whom nothing is on record. */
export const queueSentences = (context: FateContext & { readonly now: ApiRecipient }): string[] =>
  waiting({ events: [], event: null }, context.now, context)

const MOST_TOLD = 10

/** What people, and the relay in their place, did on the way. */
function history({ index, events, event: last }: OneFate, context: FateContext): string[] {
  const told = events
    .filter((event) => event !== last || !DECIDING.has(last.event))
    .flatMap((event) => step(event, index, context))
  const before = told.length - MOST_TOLD
  return before > 0 ? [`(${before} earlier steps are left out.)`, ...told.slice(-MOST_TOLD)] : told
}

/** Events that `standing` tells of itself. */
const DECIDING: ReadonlySet<string> = new Set(['remove', 'discard', 'hold'])

function step({ event, facts, at }: ApiTraceEvent, index: number, { clock, message }: FateContext): string[] {
  const { by, hold, destination, triedUntil } = readAction(facts)
  const until = triedUntil === null ? '' : `, to be tried until ${clock.at(triedUntil, message.receivedAt)} at least`
  const who = by ?? 'The relay'
  const time = clock.at(at, message.receivedAt)
  if (event === 'hold' && typeof facts.before === 'string')
    return [`Its hold was over at ${time}, and it was held again (${hold?.reason ?? 'no reason is on record'}).`]
  if (event === 'hold') return [`${who} held it at ${time}${hold === null ? '' : ` (${hold.reason})`}.`]
  if (event === 'release')
    return [
      by === null
        ? `Its hold was over at ${time}, and it was released${until}.`
        : `${who} released it at ${time}${until}.`,
    ]
  if (event === 'retry') return [`${who} asked for another try at ${time}.`]
  if (event === 'reroute') return [`${who} rerouted it to ${destination ?? 'its own next hop'} at ${time}.`]
  if (event === 'notice' && isToldOfDelay(facts, index)) return [`The sender was told at ${time} that it is delayed.`]
  return []
}

function standing(fate: OneFate, context: FateContext): string[] {
  const { state, event } = fate
  const { clock, message, now } = context
  const time = clock.at(event.at, message.receivedAt)
  const attempt = readAttempt(event.facts)
  switch (state) {
    case 'relayed':
      return [handedOn(fate, attempt, time), 'What the next host does with it this relay cannot see.']
    case 'delivered':
      return [`Delivered on this relay itself at ${time}${answer(fate)}.`]
    case 'failed':
      return [givenUp(fate, attempt, time), told(fate, attempt, context)]
    case 'discarded':
      return [`Discarded at ${time}${because(fate.reply ?? attempt.hold?.reason ?? null)}. Nobody was told.`]
    case 'removed':
      return [
        `Removed from the queue by ${readAction(event.facts).by ?? 'an unknown hand'} at ${time}. Nobody was told.`,
      ]
    case 'damaged':
      return [
        `Set aside at ${time}, because it could not be read${because(readAction(event.facts).damaged)}. An engineer must look at it.`,
      ]
    default:
      return now === null ? [lost(state, time)] : waiting(fate, now, context)
  }
}

const lost = (state: string, time: string): string =>
  WAITING.has(state)
    ? `By the record it waits (${state} since ${time}), but the queue does not show it now: ask again in a moment, and if that does not change, ask an engineer.`
    : `What became of it is not clear from the record (${state}, ${time}).`

const WAITING: ReadonlySet<string> = new Set(['pending', 'leased', 'held'])

const because = (reason: string | null): string => (reason === null ? '' : ` (${reason})`)

function handedOn(fate: OneFate, attempt: AttemptFacts, time: string): string {
  const { host, address } = attempt
  const where = host === null ? 'the next host' : `${host}${address === null ? '' : ` (${address})`}`
  return `Handed on to ${where} at ${time}, ${protection(attempt)}${answer(fate)}.`
}

function protection({ tls, security }: AttemptFacts): string {
  if (tls === null) return 'how the way was protected is not on record'
  if (tls === 'clear') return 'without encryption'
  const proof = tls.verified === true ? 'its certificate verified' : 'its certificate not verified'
  const asked = security?.proves === null || security === null ? '' : ` (${security.proves})`
  return `over ${tlsWords(tls.protocol)}, ${tls.verified === null ? 'whether its certificate was verified is not on record' : proof}${asked}`
}

/** `TLSv1.3` as people say it. */
export const tlsWords = (protocol: string): string => protocol.replace(/^TLSv/, 'TLS ')

const answer = ({ event, index }: OneFate): string => {
  const reply = event.recipients.find((each) => each.index === index)?.reply
  return reply === undefined || reply === '' ? '' : `; it answered ${quoted(`“${reply}”`)}`
}

function givenUp({ reply }: OneFate, { expired, host }: AttemptFacts, time: string): string {
  const why = expired ? ', because the time for it was over' : host === null ? '' : ` after ${host} refused it`
  return `Given up at ${time}${why}${reply === null ? '' : `: ${quoted(`“${reply}”`)}`}.`
}

function told({ index }: OneFate, { notices }: AttemptFacts, { facts, message }: FateContext): string {
  if (notices === null) return 'Whether the sender was told is not on record.'
  const isNotice = message.sender === '<>'
  if (notices.length === 0) {
    return isNotice
      ? 'No notice was due: it has no sender, being a notice itself.'
      : 'No notice was due: the sender had asked for none.'
  }
  if (facts.untold.includes(index)) return 'No notice was due for this recipient: the sender had asked for none.'
  return `The ${isNotice ? 'postmaster' : 'sender'} was told (notice ${notices.join(', ')}).`
}

type Past = Pick<OneFate, 'events'> & { readonly event: ApiTraceEvent | null }

function waiting(fate: Past, now: ApiRecipient, context: FateContext): string[] {
  const { clock, message } = context
  const { destination, state, hold } = now
  if (state === 'leased') return [`It is being sent to ${destination} at this moment.`]
  if (hold !== null) return [held(fate, hold, context)]
  const next = now.nextAttemptAt === null ? '' : `; next try at ${clock.at(now.nextAttemptAt, message.receivedAt)}`
  return [`Waiting for ${destination}${lastTry(fate, now, context)}${next}.`, ...ending(now, context)]
}

function lastTry({ events }: Past, { cause, attempts }: ApiRecipient, { clock, message }: FateContext): string {
  const last = events.findLast(({ event, facts }) => event === 'attempt' && !readAttempt(facts).untried)
  const why = cause === null ? '' : ` (${cause})`
  if (last === undefined || attempts === 0) return cause === null ? ', not tried yet' : why
  return `: last tried in vain at ${clock.at(last.at, message.receivedAt)}${why}`
}

function ending({ deadline }: ApiRecipient, { message, clock }: FateContext): string[] {
  const { sender, receivedAt } = message
  const givesUpAt = deadline?.at ?? message.givesUpAt
  if (givesUpAt === null) return []
  const end = sender === '<>' ? 'will be given up' : 'will be returned to the sender'
  return [`If nothing changes, it ${end} at ${clock.at(givesUpAt, receivedAt)}.`]
}

const HOLD_ENDS = { release: 'released', reject: 'returned to the sender', discard: 'discarded' } as const

function held({ event }: Past, hold: ApiHold, { clock, message }: FateContext): string {
  const { reason, owner, until, afterwards } = hold
  const since = event === null ? '' : ` since ${clock.at(event.at, message.receivedAt)}`
  const end = `${HOLD_ENDS[afterwards]} at ${clock.at(until, message.receivedAt)}`
  return `Held${since} by ${ownerWords(owner)}: ${reason}. Unless somebody decides before, it will be ${end}.`
}

function ownerWords(owner: string): string {
  const [, kind = '', name = owner] = /^(plugin|operator|component):(.*)$/s.exec(owner) ?? []
  return kind === 'plugin' ? `the plugin ${name}` : name
}

const LONGEST = 300

/** Words from the outside, on one line and of bounded length. */
export const quoted = (text: string): string => {
  const line = text.replace(/\s+/g, ' ')
  return line.length <= LONGEST ? line : `${line.slice(0, LONGEST).toWellFormed()}…`
}

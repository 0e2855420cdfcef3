import { type PluginFact, type ReceivedFacts, readReceived } from '../../mail/custody.ts'
import { type Fate, fatesOf } from '../../mail/fate.ts'
import type { ApiTracedMessage, ApiTraceEvent } from '../api.ts'
import { type FateContext, fateSentences, queueSentences, quoted, tlsWords } from './plain-fate.ts'
import { printable } from './printable.ts'
import { counted } from './size.ts'
import type { WallClock } from './wall-clock.ts'

/** What became of one message, in sentences for a help desk: a line each, printable. */
export function describePlain(message: ApiTracedMessage, clock: WallClock): string[] {
  const { queueId, sender, events, recipients } = message
  const received = events.find(({ event }) => event === 'received')
  const facts = readReceived(received?.facts ?? {})
  const known = new Set([...recipients, ...(message.queue ?? [])].map(({ index }) => index))
  const head = `${queueId}, from ${sender ?? 'an unknown sender'} to ${counted(known.size, 'recipient')}. Times are ${clock.zone}.`
  const lines = [
    head,
    ...(events.length === 0 ? [UNRECORDED] : acceptance(message, facts, clock)),
    ...(received === undefined || facts.notice !== null || facts.own ? [] : checks(facts)),
    ...recipientLines(message, { facts, clock }),
  ]
  return lines.map(printable)
}

const UNRECORDED =
  'It is in the queue and not on record: it came a moment ago, or has waited for longer than the record is kept.'

function acceptance({ receivedAt }: ApiTracedMessage, facts: ReceivedFacts, clock: WallClock): string[] {
  const { notice, split, user } = facts
  if (receivedAt === null) return ['The record of where it came from is no longer kept.']
  const at = clock.full(receivedAt)
  if (notice !== null)
    return [`A notice that this relay wrote at ${at} (${notice.action}), about message ${notice.about}.`]
  const signedIn = user === null ? '' : `, signed in as ${user}`
  if (facts.own) return [`This relay wrote it itself at ${at}.`]
  const path = facts.tls === null ? 'without encryption' : `over ${tlsWords(facts.tls.protocol)}`
  const parted =
    split === null
      ? []
      : [`It is ${split} that the message became, because not all of its recipients were treated alike.`]
  const marked = facts.sensitive ? ['It is marked as sensitive, and goes over a proven path alone.'] : []
  return [`Accepted from ${source(facts)}${signedIn} at ${at} ${path}.`, ...marked, ...parted]
}

function source({ client, address, name }: ReceivedFacts): string {
  const where = address === null ? '' : ` (${address})`
  if (client === null) return `an unknown client${where}`
  return client === '*' ? `the outside, ${name ?? 'a host without a name'}${where}` : `${client}${where}`
}

function checks({ inspection, inspectionCut, authentication, stripped }: ReceivedFacts): string[] {
  const said = [
    ...(authentication === null ? [] : [senderWords(authentication)]),
    ...inspection.flatMap(wordsOf),
    ...(stripped.length === 0 ? [] : ['forged marks were taken out of its header']),
    ...(inspectionCut === 0 ? [] : [`${counted(inspectionCut, 'more result')} are not on record`]),
  ]
  if (said.length > 0) return [`${capital(said.join('; '))}.`]
  return [inspection.length === 0 ? 'It was not inspected.' : 'The inspection had nothing to say against it.']
}

function senderWords({ spf, dkim, dmarc, arc }: NonNullable<ReceivedFacts['authentication']>): string {
  const signed = dkim.some(({ result }) => result === 'pass') ? 'pass' : (dkim[0]?.result ?? 'none')
  const words = [
    ['SPF', spf],
    ['DKIM', signed],
    ['DMARC', dmarc],
    ['ARC', arc],
  ] as const
  const known = words.filter(([, result]) => result !== null).map(([name, result]) => `${name} ${result}`)
  return `sender checks: ${known.join(', ')}`
}

/** What one plugin found, and whether it changed the message. */
function wordsOf(result: PluginFact): string[] {
  const { plugin, replaced, added } = result
  const changed = [
    ...(replaced === null ? [] : [`${plugin} changed the content`]),
    ...(added.some((name) => name.toLowerCase() === 'dkim-signature') ? ['signed with DKIM'] : []),
  ]
  const watching = result.mode === 'observe' && result.verdict !== 'continue' ? ' (only observed)' : ''
  return [...verdictWords(result).map((words) => `${words}${watching}`), ...changed]
}

function verdictWords({ plugin, verdict, reason, failed, facts, hook }: PluginFact): string[] {
  const why = reason ?? verdict
  if (failed) return [`${plugin} failed`]
  if (plugin === 'authentication') return verdict === 'continue' ? [] : [why]
  if (plugin === 'virus') return [verdict === 'continue' ? 'virus scan clean' : `virus scan: ${why}`]
  if (plugin === 'spam' && verdict === 'continue') return [`not spam${scoreOf(facts.score)}`]
  if (plugin === 'attachments' && hook === 'data')
    return [`attachments ${verdict === 'continue' ? 'pass' : `found wanting: ${why}`}`]
  return verdict === 'continue' ? [] : [`${plugin}: ${why}`]
}

const scoreOf = (score: unknown): string =>
  typeof score === 'number' && Number.isFinite(score) ? ` (score ${Math.round(score * 10) / 10})` : ''

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** Recipients of whom the same is to be said are told of together. */
function recipientLines(message: ApiTracedMessage, { facts, clock }: Pick<FateContext, 'facts' | 'clock'>): string[] {
  const fates: Fate<ApiTraceEvent>[] = fatesOf(message.events)
  const groups = new Map<string, string[]>()
  for (const fate of fates) {
    const now = message.queue?.find(({ index }) => index === fate.index) ?? null
    const text = fateSentences(fate, { facts, clock, message, now }).join(' ')
    groups.set(text, [...(groups.get(text) ?? []), fate.address])
  }
  const unrecorded = (message.queue ?? []).filter(({ index }) => !fates.some((fate) => fate.index === index))
  for (const now of unrecorded) {
    const text = queueSentences({ facts, clock, message, now }).join(' ')
    groups.set(text, [...(groups.get(text) ?? []), now.address])
  }
  if (groups.size === 0) return ['Nothing about its recipients is on record.']
  return [...groups].map(([text, addresses]) => `${named(addresses)}: ${text}`)
}

const MOST_NAMED = 5

function named(addresses: readonly string[]): string {
  const shown = addresses.slice(0, MOST_NAMED).map(quoted).join(', ')
  const more = addresses.length - MOST_NAMED
  return more > 0 ? `${shown} and ${more} more` : shown
}

import {
  type Authentication,
  type HoldFact,
  type PathTls,
  type PluginFact,
  type ReceivedFacts,
  readAction,
  readAttempt,
  readReceived,
} from '../../mail/custody.ts'
import type { ApiRecipient, ApiTracedMessage, ApiTraceEvent } from '../api.ts'
import { describeFacts } from './facts.ts'
import { counted, formatSize } from './size.ts'
import { formatMoment, formatSpan } from './time.ts'
import { pad, width } from './width.ts'

/** The history of one message, line by line, the oldest event first. All times are UTC. */
export function describeTrace(message: ApiTracedMessage, now: number): string[] {
  const { queueId, receivedAt, client, sender, size, messageId, recipients, events } = message
  const head = [
    receivedAt === null ? 'its receipt is no longer on record' : received(receivedAt, now),
    ...(client === null ? [] : [`from ${client}`]),
    ...(size === null ? [] : [formatSize(size)]),
  ]
  const facts = readReceived(events.find(({ event }) => event === 'received')?.facts ?? {})
  return [
    `${queueId}  ${head.join(', ')}`,
    `  ${sender ?? 'unknown sender'} to ${counted(recipients.length, 'recipient')}, Message-ID ${messageId ?? 'none'}`,
    ...labelled(headLines(facts)),
    ...recipients.map(({ address, state, reply }) => `  ${address}: ${state}${reply === null ? '' : ` (${reply})`}`),
    ...(message.queue ?? []).map((recipient) => `  now ${waiting(recipient, now)}`),
    ...timeline(events),
  ]
}

const received = (at: string, now: number): string =>
  `received ${formatMoment(at)} (${formatSpan(now - Date.parse(at))} ago)`

function waiting({ address, state, destination, nextAttemptAt, cause, hold }: ApiRecipient, now: number): string {
  const due = nextAttemptAt === null ? '' : `, next attempt ${formatMoment(nextAttemptAt)}`
  const held =
    hold === null ? '' : `, ${describeHold(hold.reason, hold.owner, Date.parse(hold.until), hold.afterwards)}`
  const left = hold === null ? '' : ` (${formatSpan(Date.parse(hold.until) - now)} left)`
  return `${address}: ${state} for ${destination}${due}${cause === null || hold !== null ? '' : `: ${cause}`}${held}${left}`
}

type Line = readonly [label: string, text: string]

function headLines(facts: ReceivedFacts): Line[] {
  const { authentication, sha256, split, notice, stripped } = facts
  const lines: (Line | null)[] = [
    facts.address === null ? null : ['Client', clientText(facts)],
    authentication === null ? null : ['Authentication', authenticationText(authentication)],
    sha256.received === null ? null : ['SHA-256 received', sha256.received],
    sha256.stored === null ? null : ['SHA-256 to go on', sha256.stored],
    split === null ? null : ['Split', `this is ${split} of what the client sent`],
    facts.sensitive ? ['Sensitive', 'it goes over a proven path alone'] : null,
    notice === null ? null : ['Notice', `${notice.action}, about ${notice.about}`],
    stripped.length === 0 ? null : ['Taken out', `forged ${stripped.join(', ')}`],
  ]
  return lines.filter((line) => line !== null)
}

function clientText({ address, name, helo, protocol, user, tls }: ReceivedFacts): string {
  const parts = [
    `${address}${name === null ? '' : ` (${name})`}`,
    ...(helo === null ? [] : [`HELO ${helo}`]),
    ...(protocol === null ? [] : [protocol]),
    tls === null ? 'no TLS' : tlsText(tls),
    ...(user === null ? [] : [`signed in as ${user}`]),
  ]
  return parts.join(', ')
}

function tlsText({ protocol, cipher, fingerprint, verified }: PathTls): string {
  const proven = verified === null ? '' : verified ? ' verified' : ' not verified'
  const certificate =
    fingerprint === null ? (proven === '' ? '' : `,${proven}`) : `, certificate ${fingerprint}${proven}`
  return `${protocol}${cipher === null ? '' : ` ${cipher}`}${certificate}`
}

function authenticationText({ spf, dkim, dmarc, arc }: Authentication): string {
  const signed = dkim.map(({ result, domain }) => `dkim=${result} (${domain})`)
  const words = [
    ...(spf === null ? [] : [`spf=${spf}`]),
    ...(signed.length === 0 ? ['dkim=none'] : signed),
    ...(dmarc === null ? [] : [`dmarc=${dmarc}`]),
    ...(arc === null ? [] : [`arc=${arc}`]),
  ]
  return words.join(' ')
}

function labelled(lines: readonly Line[]): string[] {
  const columns = Math.max(0, ...lines.map(([label]) => width(label)))
  return lines.map(([label, text]) => `  ${pad(label, columns, 'left')}  ${text}`)
}

/** One line of the timeline; without a time it belongs to the one above. */
interface Row {
  readonly at: string | null
  readonly what: string
  readonly text: string
}

const TIME_COLUMNS = 20

function timeline(events: readonly ApiTraceEvent[]): string[] {
  const rows = events.flatMap(rowsOf)
  const columns = Math.max(0, ...rows.map(({ what }) => width(what)))
  return rows.map(({ at, what, text }) => {
    const time = pad(at === null ? '' : formatMoment(at), TIME_COLUMNS, 'left')
    return `    ${time}  ${pad(what, columns, 'left')}  ${text}`.trimEnd()
  })
}

function rowsOf(event: ApiTraceEvent): Row[] {
  const { at, facts, recipients } = event
  const rows = recipients.map(({ address, state, reply }) => {
    return { at: null, what: '', text: `${address}: ${state}${reply === undefined ? '' : ` (${reply})`}` }
  })
  if (event.event === 'received')
    return [{ at, what: 'received', text: receivedText(event) }, ...checks(event), ...rows]
  const text = event.event === 'attempt' ? attemptText(facts) : actionText(facts)
  return [{ at, what: event.event, text }, ...rows]
}

const IN_HEAD: ReadonlySet<string> = new Set(
  'client sender size messageId address name helo protocol user tls cipher certificate sha256 split sensitive notification about stripped inspection holds'.split(
    ' ',
  ),
)

const receivedText = ({ facts }: ApiTraceEvent): string => describeFacts(facts, IN_HEAD)

function checks({ facts }: ApiTraceEvent): Row[] {
  const { inspection, inspectionCut, holds } = readReceived(facts)
  const cut =
    inspectionCut === 0 ? [] : [{ at: null, what: '', text: `${counted(inspectionCut, 'more result')} not recorded` }]
  return [
    ...inspection.map((result) => ({ at: null, what: `  ${result.plugin}`, text: pluginText(result) })),
    ...cut,
    ...holds.map((hold) => ({ at: null, what: '  held', text: holdText(hold) })),
  ]
}

function pluginText(result: PluginFact): string {
  const { verdict, failed, hook, mode, ms, reason, added, removed, replaced, facts } = result
  const about = [hook, mode, ms === null ? null : `${ms} ms`].filter((each) => each !== null).join(', ')
  const known = describeFacts(facts)
  const parts = [
    `${verdict}${failed ? ' (failed)' : ''} (${about})`,
    ...(reason === null ? [] : [reason]),
    ...(added.length === 0 ? [] : [`added ${added.join(', ')}`]),
    ...(removed.length === 0 ? [] : [`removed ${removed.join(', ')}`]),
    ...(replaced === null ? [] : [`new content, SHA-256 ${replaced.before} before, ${replaced.after} after`]),
    ...(known === '' ? [] : [known]),
  ]
  return parts.join('; ')
}

const holdText = ({ reason, owner, until, then }: HoldFact): string => describeHold(reason, owner, until, then)

function describeHold(reason: string, owner: string | null, until: number | null, then: string | null): string {
  const end = until === null || !isTime(until) ? '' : `, until ${formatMoment(new Date(until).toISOString())}`
  return `held${owner === null ? '' : ` by ${owner}`}: ${reason}${end}${then === null ? '' : `, then ${then}`}`
}

const isTime = (ms: number): boolean => Math.abs(ms) <= 8.64e15

const OF_ATTEMPT: ReadonlySet<string> = new Set(
  'host address port seconds tls cipher certificate fingerprint verified security tried notices'.split(' '),
)

function attemptText(facts: ApiTraceEvent['facts']): string {
  const { host, address, port, seconds, tls, security, tried, notices } = readAttempt(facts)
  const rest = describeFacts(facts, OF_ATTEMPT)
  const parts = [
    ...(host === null ? [] : [`${host}${address === null ? '' : ` [${address}]`}${port === null ? '' : `:${port}`}`]),
    ...(tls === null ? [] : [tls === 'clear' ? 'in clear' : tlsText(tls)]),
    ...(security === null ? [] : [`by ${security.source}${security.proves === null ? '' : `: ${security.proves}`}`]),
    ...(seconds === null ? [] : [`${seconds} s`]),
    ...(tried.length === 0 ? [] : [`tried in vain: ${tried.join('; ')}`]),
    ...(notices === null ? [] : [notices.length === 0 ? 'no notice' : `notice ${notices.join(', ')}`]),
    ...(rest === '' ? [] : [rest]),
  ]
  return parts.join(', ')
}

const OF_ACTION: ReadonlySet<string> = new Set(['by', 'hold', 'before', 'beforeOwner', 'notices', 'triedUntil'])

function actionText(facts: ApiTraceEvent['facts']): string {
  const { by, hold, triedUntil } = readAction(facts)
  const ended = readAttempt(facts).hold
  const { notices } = readAttempt(facts)
  const rest = describeFacts(
    facts,
    hold === null && ended === null ? new Set(['by', 'notices', 'triedUntil']) : OF_ACTION,
  )
  const parts = [
    ...(by === null ? [] : [`by ${by}`]),
    ...(hold === null ? [] : [holdText(hold)]),
    ...(ended === null ? [] : [`its hold is over: ${ended.reason}`]),
    ...(triedUntil === null || !isTime(triedUntil)
      ? []
      : [`tried until ${formatMoment(new Date(triedUntil).toISOString())} at least`]),
    ...(typeof facts.before === 'string' ? [`in place of the hold that is over: ${facts.before}`] : []),
    ...(notices === null ? [] : [notices.length === 0 ? 'no notice' : `notice ${notices.join(', ')}`]),
    ...(rest === '' ? [] : [rest]),
  ]
  return parts.join(', ')
}

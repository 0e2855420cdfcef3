import type { ApiTracedMessage, ApiTraceEvent } from '../api.ts'
import { counted, formatSize } from './size.ts'
import { formatMoment, formatSpan } from './time.ts'

/** The history of one message, line by line, the oldest event first. */
export function describeTrace(message: ApiTracedMessage, now: number): string[] {
  const { queueId, receivedAt, client, sender, size, messageId, recipients, events } = message
  const facts = [
    receivedAt === null ? 'its receipt is no longer on record' : received(receivedAt, now),
    ...(client === null ? [] : [`from ${client}`]),
    ...(size === null ? [] : [formatSize(size)]),
  ]
  return [
    `${queueId}  ${facts.join(', ')}`,
    `  ${sender ?? 'unknown sender'} to ${counted(recipients.length, 'recipient')}, Message-ID ${messageId ?? 'none'}`,
    ...recipients.map(({ address, state, reply }) => `  ${address}: ${state}${reply === null ? '' : ` (${reply})`}`),
    ...events.flatMap(describeEvent),
  ]
}

const received = (at: string, now: number): string =>
  `received ${formatMoment(at)} (${formatSpan(now - Date.parse(at))} ago)`

function describeEvent({ at, event, recipients, facts }: ApiTraceEvent): string[] {
  const known = describeFacts(event === 'received' ? withoutHead(facts) : facts)
  return [
    [`    ${formatMoment(at)}  ${event}`, ...(known === '' ? [] : [known])].join('  '),
    ...recipients.map(
      ({ address, state, reply }) => `        ${address}: ${state}${reply === undefined ? '' : ` (${reply})`}`,
    ),
  ]
}

type Facts = Readonly<Record<string, unknown>>

/** Without what the first lines of a trace say already. */
function withoutHead({ client: _client, sender: _sender, size: _size, messageId: _id, ...rest }: Facts): Facts {
  return rest
}

/** Facts as `name=value`, those within facts as `outer.name=value`. */
function describeFacts(facts: Facts, within = ''): string {
  const known = Object.entries(facts).filter(([, value]) => value !== null && value !== undefined)
  return known.map(([name, value]) => describeFact(`${within}${name}`, value)).join(' ')
}

function describeFact(name: string, value: unknown): string {
  if (isFacts(value)) return describeFacts(value, `${name}.`)
  if (typeof value === 'number' && isMoment(value)) return `${name}=${new Date(value).toISOString()}`
  if (typeof value === 'string' && PLAIN.test(value)) return `${name}=${value}`
  return `${name}=${JSON.stringify(value)}`
}

const PLAIN = /^[^\s="]+$/
const isFacts = (value: unknown): value is Facts => typeof value === 'object' && value !== null && !Array.isArray(value)

// The record holds moments in milliseconds since 1970; no size, count or port comes near (2017 to 2096)
const isMoment = (value: number): boolean => Number.isInteger(value) && value > 1.5e12 && value < 4e12

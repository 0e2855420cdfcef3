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
  const head = `    ${formatMoment(at)}  ${event}`
  const known = describeFacts(facts)
  return [
    `${head}${known === '' ? '' : `  ${known}`}`,
    ...recipients.map(
      ({ address, state, reply }) => `        ${address}: ${state}${reply === undefined ? '' : ` (${reply})`}`,
    ),
  ]
}

/** Facts as `name=value`, nested ones in JSON. */
function describeFacts(facts: Readonly<Record<string, unknown>>): string {
  const known = Object.entries(facts).filter(([, value]) => value !== null && value !== undefined)
  return known.map(([name, value]) => `${name}=${formatFact(value)}`).join(' ')
}

function formatFact(value: unknown): string {
  if (typeof value === 'string') return /^[^\s="]+$/.test(value) ? value : JSON.stringify(value)
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

import { Command } from 'commander'
import type { ApiTracedMessage, ApiTracePage } from '../api.ts'
import { CommandFailure, EXIT } from '../exit.ts'
import { type DaemonOptions, pastMoment, wholeNumber, withDaemonOptions } from '../options.ts'
import { openSession, type Session } from '../session.ts'
import { describeTrace } from '../text/trace.ts'

interface TraceOptions extends DaemonOptions {
  readonly messageId?: string
  readonly from?: string
  readonly to?: string
  readonly client?: string
  readonly domain?: string
  readonly since?: number
  readonly until?: number
  readonly limit: number
  readonly all?: boolean
}

const PAGE = 20
const LARGEST_PAGE = 200

export function traceCommand(): Command {
  const command = new Command('trace')
    .argument('[queue-id]', 'this message')
    .description('where is my message? What happened to messages, the latest first')
    .option('-m, --message-id <id>', "by the sender's Message-ID")
    .option('-f, --from <address>', "by envelope sender ('<>' for bounces)")
    .option('-t, --to <address>', 'by recipient')
    .option('--client <name>', 'by the client it came from')
    .option('-d, --domain <domain>', 'by domain of the sender or of a recipient')
    .option('--since <time>', 'received since: a time (UTC unless it says otherwise), or a span such as 2h', pastMoment)
    .option('--until <time>', 'received before, likewise', pastMoment)
    .option('-n, --limit <count>', 'messages at the most', wholeNumber, PAGE)
    .option('-a, --all', 'all of them, page by page')
  return withDaemonOptions(command).addHelpText('after', HELP).action(trace)
}

const HELP = `
With --json each message is one line (NDJSON), as GET /v1/trace gives it.

Examples:
  postern trace 00KX3T9A001
  postern trace --message-id '<4711@royal.example.test>'
  postern trace --to ward7@city.example.test --since 2h
  postern trace --domain royal.example.test --since 2026-11-22 --until 2026-11-23T06:00 --all`

async function trace(queueId: string | undefined, options: TraceOptions): Promise<void> {
  const session = openSession(options)
  const query = apiQuery(queueId, options)
  if (Object.keys(query).length === 0) {
    throw new CommandFailure(
      EXIT.usage,
      'Say which message: a queue id, --message-id, --to, --since or another filter.',
    )
  }
  let left = options.all === true ? Number.POSITIVE_INFINITY : options.limit
  let shown = 0
  let cursor: string | undefined
  do {
    const limit = Math.min(left, LARGEST_PAGE)
    const page = await session.api.get<ApiTracePage>('/v1/trace', { ...query, cursor, limit })
    show(session, page.messages, shown === 0)
    shown += page.messages.length
    left -= page.messages.length
    cursor = page.next ?? undefined
  } while (cursor !== undefined && left > 0)
  if (shown === 0) throw new CommandFailure(EXIT.notFound, 'No message matches in what is recorded.')
  if (cursor !== undefined) session.terminal.hint('There is more: narrow it down, raise --limit, or use --all.')
}

function apiQuery(queueId: string | undefined, options: TraceOptions): Readonly<Record<string, string>> {
  const { messageId, from, to, client, domain, since, until } = options
  const moment = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString())
  const query = { queueId, messageId, from, to, client, domain, since: moment(since), until: moment(until) }
  return Object.fromEntries(Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

function show({ terminal, json, now }: Session, messages: readonly ApiTracedMessage[], first: boolean): void {
  for (const [i, message] of messages.entries()) {
    if (json) terminal.json(message)
    else terminal.print(...(first && i === 0 ? [] : ['']), ...describeTrace(message, now))
  }
}

import { Command } from 'commander'
import type { ApiTracedMessage, ApiTracePage } from '../api.ts'
import { CommandFailure, EXIT } from '../exit.ts'
import { choice, type DaemonOptions, pastMoment, wholeNumber, withDaemonOptions } from '../options.ts'
import { jsonOutput, type Output, type PagingOptions, showPages } from '../paging.ts'
import { openSession, type Session } from '../session.ts'
import { describePlain } from '../text/plain.ts'
import { describeTrace } from '../text/trace.ts'
import { wallClock } from '../text/wall-clock.ts'
import { type HappeningsOptions, traceHappenings, withHappeningsOptions } from './trace-happenings.ts'

interface TraceOptions extends DaemonOptions, PagingOptions, HappeningsOptions {
  readonly messageId?: string
  readonly from?: string
  readonly to?: string
  readonly client?: string
  readonly domain?: string
  readonly since?: number
  readonly until?: number
  readonly inState?: string
  readonly plain?: boolean
}

const PAGE = 20
const RECORDED_STATES = ['pending', 'held', 'relayed', 'delivered', 'failed', 'discarded', 'removed', 'damaged']
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
    .option('--plain', 'in sentences, for a help desk; times in the zone that TZ names, or UTC')
    .option('-n, --limit <count>', 'messages at the most', wholeNumber, PAGE)
    .option('-a, --all', 'all of them, page by page')
    .option('--after <cursor>', 'go on where an earlier call ended')
  command.addOption(choice('--in-state <state>', 'where a recipient stands now', RECORDED_STATES))
  return withDaemonOptions(withHappeningsOptions(command)).addHelpText('after', HELP).action(trace)
}

const HELP = `
With --json it prints one document, {"messages": […], "next": cursor or null}, with a message on
each line, as GET /v1/trace gives it.

Examples:
  postern trace 00KX3T9A001
  TZ=Europe/London postern trace --plain 00KX3T9A001
  postern trace --message-id '<4711@royal.example.test>'
  postern trace --to ward7@city.example.test --since 2h
  postern trace --event held --since 2026-11-22T00:00 --until 2026-11-22T00:45 --csv
  postern trace --domain royal.example.test --since 2026-11-22 --until 2026-11-23T06:00 --all`

async function trace(queueId: string | undefined, options: TraceOptions): Promise<void> {
  if (options.since !== undefined && options.until !== undefined && options.until <= options.since) {
    throw new CommandFailure(EXIT.usage, '--until is not after --since: nothing lies between them.')
  }
  const session = openSession(options)
  const query = apiQuery(queueId, options)
  if (options.event !== undefined) return traceHappenings(session, query, options)
  if (options.csv === true) throw new CommandFailure(EXIT.usage, '--csv needs --event: what happened?')
  if (Object.keys(query).length === 0) {
    throw new CommandFailure(
      EXIT.usage,
      'Say which message: a queue id, --message-id, --to, --since or another filter.',
    )
  }
  const ask = (page: object) => session.api.get<ApiTracePage>('/v1/trace', { ...query, ...page })
  const output = session.json
    ? jsonOutput<ApiTracedMessage>(session)
    : textOutput(session, describerOf(options, session))
  const shown = await showPages(ask, options, LARGEST_PAGE, output)
  if (shown === 0 && queueId !== undefined) {
    throw new CommandFailure(EXIT.notFound, `There is no record of ${queueId}.`)
  }
}

function apiQuery(queueId: string | undefined, options: TraceOptions): Readonly<Record<string, string>> {
  const { messageId, from, to, client, domain, since, until, inState: state } = options
  const moment = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString())
  const query = { queueId, messageId, from, to, client, domain, since: moment(since), until: moment(until), state }
  return Object.fromEntries(Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

type Describer = (message: ApiTracedMessage) => string[]

function describerOf({ plain }: TraceOptions, { now }: Session): Describer {
  if (plain !== true) return (message) => describeTrace(message, now)
  const clock = wallClock(process.env.TZ)
  return (message) => describePlain(message, clock)
}

function textOutput({ terminal }: Session, describe: Describer): Output<ApiTracedMessage> {
  let shown = 0
  return {
    show(messages) {
      for (const message of messages) terminal.print(...(shown++ === 0 ? [] : ['']), ...describe(message))
    },
    end(next) {
      if (shown === 0) terminal.hint('No message matches.')
      if (next !== null)
        terminal.hint(`There is more: narrow it down, raise --limit, or use --all; --after ${next} goes on from here.`)
    },
  }
}

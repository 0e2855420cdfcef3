import { type Command, Option } from 'commander'
import type { ApiHappening, ApiHappeningPage } from '../../admin/api-happenings.ts'
import { CommandFailure, EXIT } from '../exit.ts'
import { jsonOutput, type PagingOptions, showPages } from '../paging.ts'
import type { Session } from '../session.ts'
import { csvLine } from '../text/csv.ts'
import { formatMoment } from '../text/time.ts'

export interface HappeningsOptions {
  readonly event?: string
  readonly csv?: boolean
}

const EVENTS = [
  ...['received', 'held', 'released', 'deferred', 'relayed', 'delivered'],
  ...['failed', 'discarded', 'removed', 'rerouted', 'retried', 'notified'],
]
const PAGE = 1000

export function withHappeningsOptions(command: Command): Command {
  const event = new Option('--event <what>', 'what happened since --since and before --until, and what became of it')
  return command.addOption(event.choices(EVENTS)).option('--csv', 'with --event: all of it, a line for each recipient')
}

/** Answers `--event`: a line for each recipient to whom it happened. */
export async function traceHappenings(
  session: Session,
  query: Readonly<Record<string, string>>,
  options: HappeningsOptions & PagingOptions,
): Promise<void> {
  if (query.since === undefined) throw new CommandFailure(EXIT.usage, '--event needs --since: when did it happen?')
  const asked = { ...query, event: options.event }
  const ask = (page: object) => session.api.get<ApiHappeningPage>('/v1/happenings', { ...asked, ...page })
  if (options.csv === true) return session.terminal.raw(csv(ask))
  const output = session.json ? jsonOutput<ApiHappening>(session) : lines(session)
  await showPages(ask, options, PAGE, output)
}

const COLUMNS = {
  'queue id': ({ queueId }) => queueId,
  received: ({ receivedAt }) => receivedAt,
  client: ({ client }) => client,
  sender: ({ sender }) => sender,
  recipient: ({ recipient }) => recipient,
  size: ({ size }) => size,
  'message-id': ({ messageId }) => messageId,
  event: ({ event }) => event,
  at: ({ at }) => at,
  reason: ({ reason }) => reason,
  owner: ({ owner }) => owner,
  state: ({ state }) => state,
  'state since': ({ stateAt }) => stateAt,
  reply: ({ reply }) => reply,
  host: ({ host }) => host,
} as const satisfies Readonly<Record<string, (one: ApiHappening) => string | number | null>>

/** Page after page, as fast as it is read. */
async function* csv(ask: (page: object) => Promise<ApiHappeningPage>): AsyncGenerator<Buffer> {
  yield Buffer.from(csvLine(Object.keys(COLUMNS)))
  for (let cursor: string | undefined; ; ) {
    const { messages, next } = await ask({ cursor, limit: PAGE })
    const lines = messages.map((one) => csvLine(Object.values(COLUMNS).map((column) => column(one))))
    yield Buffer.from(lines.join(''))
    if (next === null) return
    cursor = next
  }
}

function lines({ terminal }: Session) {
  return {
    show(messages: readonly ApiHappening[]) {
      for (const one of messages) terminal.print(line(one))
    },
    end(next: string | null) {
      if (next !== null) terminal.hint(`There is more: raise --limit, or use --all; --after ${next} goes on from here.`)
    },
  }
}

function line({ queueId, at, event, recipient, reason, owner, state, stateAt, reply, host }: ApiHappening): string {
  const why = [reason, owner === null ? null : `by ${owner}`].filter((part) => part !== null).join(', ')
  const now = [stateAt === null ? null : formatMoment(stateAt), host, reply].filter((part) => part !== null).join(', ')
  return `${formatMoment(at)}  ${queueId}  ${event}  ${recipient}${why === '' ? '' : ` (${why})`}; now ${state} (${now})`
}

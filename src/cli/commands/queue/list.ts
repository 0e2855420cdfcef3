import { Command } from 'commander'
import type { ApiMessage, ApiQueuePage, ApiRecipient } from '../../api.ts'
import { apiFilter, type FilterOptions, withFilters } from '../../filter.ts'
import { type DaemonOptions, wholeNumber, withDaemonOptions } from '../../options.ts'
import { jsonOutput, type Output, type PagingOptions, showPages } from '../../paging.ts'
import { openSession, type Session } from '../../session.ts'
import { formatSize } from '../../text/size.ts'
import { type Column, table } from '../../text/table.ts'
import { formatDue, formatSpan } from '../../text/time.ts'

interface ListOptions extends DaemonOptions, FilterOptions, PagingOptions {}

const PAGE = 50
const LARGEST_PAGE = 1_000

export function listCommand(): Command {
  const command = new Command('list').alias('ls').description('what waits, the oldest first')
  withFilters(command)
    .option('-n, --limit <count>', 'messages at the most', wholeNumber, PAGE)
    .option('-a, --all', 'all of them, page by page')
    .option('--after <cursor>', 'go on where an earlier list ended')
  return withDaemonOptions(command).addHelpText('after', HELP).action(list)
}

const HELP = `
With --json it prints one document, {"messages": […], "next": cursor or null}, with a message on
each line, as GET /v1/queue gives it.

Examples:
  postern queue list --domain royal.example.test
  postern queue list --in-state held
  postern queue list --older 4h --client pathology-analysers
  postern queue list --all --json | jq -r '.messages[].queueId'`

async function list(options: ListOptions): Promise<void> {
  const session = openSession(options)
  const filter = apiFilter(options, [], session.now)
  const ask = (page: object) => session.api.get<ApiQueuePage>('/v1/queue', { ...filter, ...page })
  await showPages(ask, options, LARGEST_PAGE, session.json ? jsonOutput(session) : tableOutput(session))
}

function tableOutput({ terminal, now }: Session): Output<ApiMessage> {
  let shown = 0
  return {
    show(messages) {
      shown += messages.length
      const lines = messages.flatMap((message) => rows(message, now))
      if (lines.length > 0) terminal.print(...table(COLUMNS, lines, terminal.columns))
    },
    end(next) {
      if (shown === 0) terminal.print('Nothing waits.')
      if (next !== null) terminal.hint(`There is more: --all shows everything, --after ${next} goes on from here.`)
    },
  }
}

/** One line of the list: a recipient, with its message's part on the first line of each message. */
interface Row {
  readonly message: ApiMessage | null
  readonly recipient: ApiRecipient | null
  /** Recipients that are not shown. */
  readonly more: number
  readonly now: number
}

const RECIPIENTS_SHOWN = 5

function rows(message: ApiMessage, now: number): Row[] {
  const shown = message.recipients.slice(0, RECIPIENTS_SHOWN)
  const lines = shown.map((recipient, i): Row => ({ message: i === 0 ? message : null, recipient, more: 0, now }))
  const more = message.recipients.length - shown.length
  return more === 0 ? lines : [...lines, { message: null, recipient: null, more, now }]
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'QUEUE ID', cell: ({ message }) => message?.queueId ?? '' },
  { title: 'AGE', cell: ({ message, now }) => (message === null ? '' : age(message, now)), align: 'right' },
  { title: 'SIZE', cell: ({ message }) => (message === null ? '' : formatSize(message.size)), align: 'right' },
  { title: 'CLIENT', cell: ({ message }) => message?.client ?? '', atMost: 20 },
  { title: 'SENDER', cell: ({ message }) => message?.sender ?? '', atMost: 32 },
  { title: 'RECIPIENT', cell: ({ recipient, more }) => recipient?.address ?? `and ${more} more`, atMost: 32 },
  { title: 'STATE', cell: ({ recipient }) => recipient?.state ?? '' },
  { title: 'TRIES', cell: ({ recipient }) => String(recipient?.attempts ?? ''), align: 'right' },
  { title: 'NEXT', cell: ({ recipient, now }) => (recipient === null ? '' : formatNext(recipient, now)) },
  { title: 'CAUSE', cell: ({ recipient }) => recipient?.cause ?? '' },
]

const age = (message: ApiMessage, now: number): string => formatSpan(now - Date.parse(message.receivedAt))

/** What happens next to a recipient, and when. */
export function formatNext({ state, nextAttemptAt, hold }: ApiRecipient, now: number): string {
  if (state === 'leased') return 'under way'
  if (hold !== null) return `${hold.afterwards} ${formatDue(Date.parse(hold.until), now)}`
  return nextAttemptAt === null ? '' : formatDue(Date.parse(nextAttemptAt), now)
}

import { Command } from 'commander'
import type { ApiMessage, ApiRecipient } from '../../api.ts'
import { type DaemonOptions, withDaemonOptions } from '../../options.ts'
import { openSession, type Session } from '../../session.ts'
import { formatSize } from '../../text/size.ts'
import { formatDue, formatMoment, formatSpan } from '../../text/time.ts'
import { formatNext } from './list.ts'

interface ShowOptions extends DaemonOptions {
  readonly header?: boolean
  readonly content?: boolean
}

export function showCommand(): Command {
  const command = new Command('show')
    .argument('<queue-id>', 'message in the queue')
    .description('everything about one message: recipients, states, causes, next attempts')
    .option('--header', 'print its header instead; recorded with your name')
    .option('--content', 'print all of it instead; recorded with your name')
  return withDaemonOptions(command).addHelpText('after', HELP).action(show)
}

const HELP = `
--header and --content show what a patient or colleague wrote: use them where your work needs it.
On a terminal, control characters are shown as \\x1b; to a file or pipe the bytes go unchanged.

Examples:
  postern queue show 00KX3T9A001
  postern queue show 00KX3T9A001 --content > message.eml`

async function show(queueId: string, options: ShowOptions): Promise<void> {
  const session = openSession(options)
  const path = `/v1/queue/${encodeURIComponent(queueId)}`
  if (options.header === true || options.content === true) {
    return showContent(session, `${path}/content`, options.content === true ? 'all' : 'header')
  }
  const message = await session.api.get<ApiMessage>(path)
  if (session.json) session.terminal.json(message)
  else session.terminal.print(...describe(message, session.now))
}

async function showContent({ api, terminal, by }: Session, path: string, part: 'header' | 'all'): Promise<void> {
  const chunks = await api.stream(path, { by, part })
  if (terminal.columns === null) return terminal.raw(chunks)
  // A character or a line end may lie across two chunks, and a person does not read megabytes: all at once is simplest
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\r\n')
    rest = lines.pop() ?? ''
    terminal.print(...lines)
  }
  if (rest !== '') terminal.print(rest)
}

function describe(message: ApiMessage, now: number): string[] {
  const { queueId, receivedAt, client, sender, size, messageId, sensitive, recipients } = message
  const age = formatSpan(now - Date.parse(receivedAt))
  return [
    `Queue id    ${queueId}`,
    `Received    ${formatMoment(receivedAt)} (${age} ago)`,
    `Client      ${client}`,
    `Sender      ${sender}`,
    `Message-ID  ${messageId ?? 'none'}`,
    `Size        ${formatSize(size)}`,
    ...(sensitive ? ['Sensitive   leaves over a proven path only'] : []),
    ...recipients.flatMap((recipient) => ['', ...describeRecipient(recipient, now)]),
  ]
}

function describeRecipient(recipient: ApiRecipient, now: number): string[] {
  const { address, destination, state, attempts, nextAttemptAt, lastReply, cause, owner = null, hold } = recipient
  const next = formatNext(recipient, now)
  const at = nextAttemptAt === null ? '' : ` (${formatMoment(nextAttemptAt)})`
  const lines = [
    `Recipient   ${address}`,
    `  State     ${state}`,
    `  Goes to   ${destination}`,
    `  Attempts  ${attempts}`,
    ...(hold === null && next !== '' ? [`  Next      ${next}${at}`] : []),
    ...(hold === null ? ends(recipient, now) : []),
    ...(hold === null && owner !== null ? [`  Owner     ${owner}`] : []),
    ...(cause === null ? [] : [`  Cause     ${cause}`]),
    ...(lastReply === null || lastReply === cause ? [] : [`  Reply     ${lastReply}`]),
  ]
  return hold === null ? lines : [...lines, `  Held by   ${hold.owner}`, `  Until     ${holdEnd(recipient, now)}`]
}

/** When the attempt under way must have ended, and when all attempts are over. */
function ends({ leasedUntil = null, deadline = null }: ApiRecipient, now: number): string[] {
  const due = (at: string) => `${formatMoment(at)} (${formatDue(Date.parse(at), now)})`
  return [
    ...(leasedUntil === null ? [] : [`  Attempt   ends by ${due(leasedUntil)}`]),
    ...(deadline === null ? [] : [`  Given up  ${due(deadline.at)}, then ${GIVEN_UP[deadline.afterwards]}`]),
  ]
}

const holdEnd = ({ hold }: ApiRecipient, now: number): string =>
  hold === null
    ? ''
    : `${formatMoment(hold.until)} (${formatSpan(Date.parse(hold.until) - now)} left), then ${HOLD_ENDS[hold.afterwards]}`

const HOLD_ENDS = { release: 'released', reject: 'returned to the sender', discard: 'discarded' } as const
const GIVEN_UP = {
  ...HOLD_ENDS,
  return: 'returned to the sender',
  drop: 'dropped: a notice goes back to nobody',
} as const

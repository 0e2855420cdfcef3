import type { ApiAction, ApiActionName, ApiActionResult, ApiCount } from './api.ts'
import { CommandFailure, EXIT } from './exit.ts'
import { apiFilter, type FilterOptions } from './filter.ts'
import type { DaemonOptions } from './options.ts'
import { openSession, type Session } from './session.ts'
import { counted } from './text/size.ts'

/** How a command selects and confirms. */
export interface Selection {
  readonly all?: boolean
  readonly yes?: boolean
  readonly dryRun?: boolean
}

type Details = Omit<Partial<ApiAction>, 'action' | 'filter' | 'by'>

const ACTIONS = '/v1/queue/actions'

/**
 * Acts on all that is selected. What was selected by a filter, and every removal, is counted first
 * and confirmed by a person, or by `--yes` where there is none.
 */
export async function actOnQueue(
  action: ApiActionName,
  queueIds: readonly string[],
  options: DaemonOptions & FilterOptions & Selection,
  details: Details,
): Promise<void> {
  const session = openSession(options)
  const filter = apiFilter(options, queueIds, session.now)
  requireSelection(action, Object.keys(filter).length > 0, options)
  const body: ApiAction = { ...details, action, filter, by: session.by, ...(options.all === true && { all: true }) }
  const named = Object.keys(filter).every((name) => name === 'queueIds') && options.all !== true
  if (named) await requirePresence(session, body, queueIds)
  if (options.dryRun === true) return tellCount(session, await count(session, body))
  if (options.yes !== true && !(named && action !== 'remove') && !(await confirmed(session, body))) return
  tellResult(session, action, await session.api.post<ApiActionResult>(ACTIONS, body))
}

/** Who names a message wants it touched: that it is not in the queue (any more) is no success. */
async function requirePresence(session: Session, body: ApiAction, queueIds: readonly string[]): Promise<void> {
  const { recipients } = await count(session, { ...body, action: 'remove' })
  if (recipients > 0) return
  const [first, ...others] = queueIds
  const none =
    others.length === 0 ? `There is no message ${first} in the queue` : 'None of these messages is in the queue'
  throw new CommandFailure(EXIT.notFound, `${none}. What became of it: postern trace ${first}`)
}

function requireSelection(action: ApiActionName, selected: boolean, { all }: Selection): void {
  if (selected && all === true) {
    throw new CommandFailure(EXIT.usage, '--all means the whole queue; leave it out to use a queue id or a filter.')
  }
  if (!selected && all !== true) {
    throw new CommandFailure(
      EXIT.usage,
      `Say which messages to ${action}: a queue id, a filter such as --domain, or --all for the whole queue.`,
    )
  }
}

const count = ({ api }: Session, body: ApiAction): Promise<ApiCount> =>
  api.post<ApiCount>(ACTIONS, { ...body, dryRun: true })

async function confirmed(session: Session, body: ApiAction): Promise<boolean> {
  const found = await count(session, body)
  const { terminal } = session
  if (found.recipients === 0) {
    tellCount(session, found)
    return false
  }
  if (!terminal.interactive) {
    throw new CommandFailure(
      EXIT.usage,
      `This would ${body.action} ${selected(found)}. There is nobody to ask here: add --yes to do it.`,
    )
  }
  if (await terminal.confirm(question(body.action, found))) return true
  terminal.hint('Nothing was changed.')
  return false
}

const selected = ({ messages, recipients, complete }: ApiCount): string =>
  `${complete ? '' : 'more than '}${counted(recipients, 'recipient')} of ${counted(messages, 'message')}`

const QUESTIONS: Readonly<Record<ApiActionName, readonly [string, string]>> = {
  retry: ['Attempt', 'at once'],
  hold: ['Hold', ''],
  release: ['Release', ''],
  reroute: ['Reroute', ''],
  remove: ['Remove', 'for good, without telling anybody'],
}

function question(action: ApiActionName, found: ApiCount): string {
  const [verb, manner] = QUESTIONS[action]
  return `${verb} ${selected(found)}${manner === '' ? '' : ` ${manner}`}?`
}

function tellCount({ terminal, json }: Session, found: ApiCount): void {
  if (json) terminal.json(found)
  else terminal.print(found.recipients === 0 ? 'Nothing in the queue matches.' : `It would touch ${selected(found)}.`)
}

const DONE: Readonly<Record<ApiActionName, string>> = {
  retry: 'due now',
  hold: 'held',
  release: 'released',
  reroute: 'rerouted',
  remove: 'removed',
}

/** Where being delivered is not the only reason. */
const BUSY: Partial<Readonly<Record<ApiActionName, string>>> = {
  release: 'being delivered at that moment, or scanned again and not fit to go (queue show says why)',
}

function tellResult({ terminal, json }: Session, action: ApiActionName, result: ApiActionResult): void {
  const { changed, busy } = result
  const lines = [`${counted(changed, 'recipient')} ${DONE[action]}.`]
  if (busy > 0)
    lines.push(`${counted(busy, 'recipient')} left alone: ${BUSY[action] ?? 'being delivered at that moment'}.`)
  if (json) terminal.json(result)
  else terminal.print(...lines)
}

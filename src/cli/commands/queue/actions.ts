import { Command } from 'commander'
import { actOnQueue, type Selection } from '../../act.ts'
import type { ApiAction, ApiActionName } from '../../api.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { type FilterOptions, withFilters } from '../../filter.ts'
import { choice, type DaemonOptions, futureMoment, withDaemonOptions } from '../../options.ts'

interface ActionOptions extends DaemonOptions, FilterOptions, Selection {}

const DAY_MS = 86_400_000
const DEFAULT_HOLD_MS = 7 * DAY_MS

/** A command that selects recipients by queue id or filter; `details` adds what the action needs. */
function actionCommand<O extends ActionOptions>(
  name: ApiActionName,
  description: string,
  help: string,
  details: (options: O) => Omit<Partial<ApiAction>, 'action' | 'filter' | 'by'> = () => ({}),
): Command {
  const command = new Command(name).argument('[queue-id...]', 'these messages').description(description)
  withFilters(command)
    .option('--all', 'the whole queue')
    .option('-y, --yes', 'do not ask; needed where nobody can be asked')
    .option('--dry-run', 'only count what it would touch')
  return withDaemonOptions(command)
    .addHelpText('after', help)
    .action((queueIds: string[], options: O) => actOnQueue(name, queueIds, options, details(options)))
}

export const retryCommand = (): Command =>
  actionCommand(
    'retry',
    'attempt what is pending at once, and forget the failures of its destinations',
    `
Examples:
  postern queue retry 00KX3T9A001
  postern queue retry --domain royal.example.test --yes`,
  )

interface HoldOptions extends ActionOptions {
  readonly reason: string
  readonly until?: number
  readonly then: 'release' | 'reject' | 'discard'
}

export function holdCommand(): Command {
  const help = `
At its deadline a held recipient is released (attempted again), rejected (returned to the sender)
or discarded (nobody is told). A hold takes nothing from the time for delivery: what is released is
tried for as long as was left of queue.lifetime when it was held, and for queue.afterRelease at least.

Examples:
  postern queue hold --client pathology-analysers --reason 'loop, see ticket 4711' --until 4h
  postern queue hold 00KX3T9A001 --reason 'wrong attachment' --until 2026-12-01 --then reject`
  const command = actionCommand<HoldOptions>('hold', 'stop attempts until a deadline', help, (options) => {
    const { reason, until, then: afterwards } = options
    return { hold: { reason, until: new Date(until ?? futureMoment(DEFAULT_HOLD)).toISOString(), afterwards } }
  })
  return command
    .requiredOption('--reason <text>', 'why, for whoever looks at it later')
    .option('--until <time>', `a time, or a span from now (default: ${DEFAULT_HOLD})`, futureMoment)
    .addOption(
      choice('--then <end>', 'what happens at the deadline', ['release', 'reject', 'discard']).default('release'),
    )
}

const DEFAULT_HOLD = `${DEFAULT_HOLD_MS / DAY_MS}d`

export const releaseCommand = (): Command =>
  actionCommand(
    'release',
    'let held recipients go on to delivery',
    `
What is released is tried for as long as was left of queue.lifetime when it was held, and for
queue.afterRelease at least, however old it is; postern queue show tells until when.

Examples:
  postern queue release 00KX3T9A001
  postern queue release --sender alerts@royal.example.test --yes`,
  )

interface RerouteOptions extends ActionOptions {
  readonly to?: string
  readonly toOwn?: boolean
}

export function rerouteCommand(): Command {
  const help = `
Recipients that are being attempted at that moment are left alone and counted.

Examples:
  postern queue reroute --domain royal.example.test --to standby.royal.example.test
  postern queue reroute --destination standby.royal.example.test --to-own`
  const description = 'send what waits to another destination'
  const command = actionCommand<RerouteOptions>('reroute', description, help, ({ to, toOwn }) => {
    if ((to === undefined) === (toOwn !== true)) {
      throw new CommandFailure(EXIT.usage, 'Say where to: --to DESTINATION, or --to-own for what it was before.')
    }
    return { destination: to ?? null }
  })
  return command.option('--to <destination>', 'where to').option('--to-own', "back to the recipients' own destination")
}

export const removeCommand = (): Command =>
  actionCommand(
    'remove',
    'drop recipients for good: not delivered, and nobody is told',
    `
To return a message to its sender instead: postern queue hold --then reject --until 1m

Examples:
  postern queue remove 00KX3T9A001
  postern queue remove --sender loop@device.example.test --dry-run`,
  )

import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { systemClock } from '../../clock.ts'
import type { Changed, ReplayReport } from '../../daemon/replay.ts'
import { CommandFailure, EXIT } from '../exit.ts'
import { span } from '../options.ts'
import { configPath } from '../socket.ts'
import { processTerminal, type Terminal } from '../terminal.ts'
import { csvLine } from '../text/csv.ts'
import { counted } from '../text/size.ts'
import { formatMoment } from '../text/time.ts'

export interface ReplayOptions {
  readonly config?: string
  readonly state?: string
  readonly json?: boolean
  readonly csv?: boolean
  /** Milliseconds. */
  readonly replay?: number
  readonly with?: string
}

export function withReplayOptions(command: Command): Command {
  return command
    .option('--replay <days>', 'what would become of the mail of the last days (or 36h) under --with', days)
    .option('--with <file>', 'with --replay: the configuration that is not in force yet')
    .option('--csv', 'with --replay: a line for each recipient for whom something changes')
}

export const REPLAY_HELP = `
With --replay and --with, the messages on record are judged by the configuration in force and by the
new one, in the same way and without the network, and what differs is shown by cause. It reads the
record as it lies there, whether the daemon runs or not; run it as the daemon's user. It exits 0 if
nothing differs, 1 if anything does or cannot be told, 69 if there is no record to be read, 78 if a
configuration is wrong. Put the new file beside the old one: relative paths in it count from its own
folder.`

const DAY_MS = 86_400_000

function days(text: string): number {
  const ms = /^\d{1,4}$/.test(text) ? Number(text) * DAY_MS : span(text)
  if (ms <= 0) throw new InvalidArgumentError('Expected days above zero, or a span such as 36h.')
  return ms
}

/** Whether a replay is asked for. Throws where only half of it is. */
export function isReplay({ replay, with: proposed, csv, json }: ReplayOptions): boolean {
  if (replay === undefined && proposed === undefined && csv !== true) return false
  if (replay === undefined || proposed === undefined)
    throw new CommandFailure(
      EXIT.usage,
      '--replay and --with go together: how many days, and with which configuration?',
    )
  if (csv === true && json === true) throw new CommandFailure(EXIT.usage, 'Either --csv or --json.')
  return true
}

export async function replayCheck(options: ReplayOptions): Promise<void> {
  const terminal = processTerminal()
  // Loaded only here: no other command pays for it
  const { replayConfig } = await import('../../daemon/replay.ts')
  const lines = options.csv === true ? new CsvLines() : null
  const replayed = await replayConfig(
    {
      configFile: configPath(options),
      proposedFile: resolve(options.with ?? ''),
      stateDir: options.state ?? null,
      spanMs: options.replay ?? 0,
      ...(lines !== null && { onChange: (changed: Changed) => lines.write(changed) }),
    },
    systemClock,
  )
  if ('wrong' in replayed)
    throw new CommandFailure(replayed.config ? EXIT.config : EXIT.unavailable, replayed.wrong.join('\n'))
  lines?.end()
  tell(terminal, options, replayed.report)
  process.exitCode = isSame(replayed.report) ? EXIT.ok : EXIT.failed
}

const isSame = ({ changed, doubtful }: ReplayReport): boolean => changed + doubtful === 0

const CSV_COLUMNS = {
  'queue id': ({ queueId }) => queueId,
  received: ({ receivedAt }) => receivedAt,
  sender: ({ sender }) => sender,
  recipient: ({ recipient }) => recipient,
  client: ({ client }) => client,
  what: ({ kind }) => kind,
  from: ({ from }) => from,
  to: ({ to }) => to,
  why: ({ why }) => why,
} as const satisfies Readonly<Record<string, (one: Changed) => string | null>>

const CSV_HEAD = csvLine(Object.keys(CSV_COLUMNS))

/** Each line as it comes; waits while nobody reads them. */
class CsvLines {
  #isBegun = false

  async write(changed: Changed): Promise<void> {
    const line = csvLine(Object.values(CSV_COLUMNS).map((column) => column(changed)))
    const isTaken = process.stdout.write(this.#isBegun ? line : CSV_HEAD + line)
    this.#isBegun = true
    if (!isTaken) await new Promise<void>((drained) => process.stdout.once('drain', drained))
  }

  /** A file without lines says that there are none. */
  end(): void {
    if (!this.#isBegun) process.stdout.write(CSV_HEAD)
  }
}

function tell(terminal: Terminal, { json, csv }: ReplayOptions, report: ReplayReport): void {
  const summary = summaryOf(report)
  if (json === true) terminal.json(report)
  else if (csv === true) for (const line of [...doubtLines(report), ...summary]) terminal.hint(line)
  else terminal.print(...changeLines(report), ...doubtLines(report), ...summary)
}

type Change = ReplayReport['changes'][number]

const KINDS = {
  fate: '',
  client: 'known as: ',
  marks: 'marked by: ',
  content: 'changed by: ',
  route: 'sent to: ',
  path: 'path: ',
} as const satisfies Readonly<Record<Change['kind'], string>>

function changeLines({ changes, moreChanges }: ReplayReport): string[] {
  const more = moreChanges === 0 ? [] : [`… and other causes, for ${counted(moreChanges, 'recipient')}`]
  return [...changes.flatMap(changeLine), ...more]
}

function changeLine({ kind, from, to, client, messages, why, example }: Change): string[] {
  const whose = client === null ? '' : `, client ${client}`
  const head = `${counted(messages, 'message')}: ${KINDS[kind]}${from} → ${to}${whose}`
  return [head, ...(why === null ? [] : [`    ${why}`]), `    e.g. ${exampleText(example)}`]
}

const exampleText = ({ queueId, sender, recipient, receivedAt }: Change['example']): string =>
  `${queueId} from ${sender ?? 'nobody knows whom'} to ${recipient}, ${formatMoment(receivedAt)}`

const doubtLines = ({ doubts }: ReplayReport): string[] =>
  doubts.flatMap(({ what, messages, example }) => [
    `${counted(messages, 'message')}: cannot be told: ${what}`,
    `    e.g. ${exampleText(example)}`,
  ])

function summaryOf(report: ReplayReport): string[] {
  const { messages, since, unreadable, changed, doubtful, control, notes } = report
  const { reproduced, others, why } = control
  return [
    `${counted(messages, 'message')} on record since ${formatMoment(since)}: ${changed} would change, of ${doubtful} something cannot be told.`,
    ...(unreadable === 0 ? [] : [`${counted(unreadable, 'receipt')} on record cannot be understood.`]),
    `Control: by the configuration in force, ${reproduced} of ${counted(reproduced + others, 'recipient')} are judged as it was.`,
    ...why.map(({ recorded, judged, messages: of, example }) => {
      return `    ${counted(of, 'message')} ${recorded} then, judged ${judged}; e.g. ${exampleText(example)}`
    }),
    ...notes.map((note) => `Note: ${note}`),
  ]
}

import { Command } from 'commander'
import type { ApiDestination, ApiQueueSummary, ApiStatus } from '../api.ts'
import { EXIT } from '../exit.ts'
import { type DaemonOptions, withDaemonOptions } from '../options.ts'
import { openSession } from '../session.ts'
import { counted, formatSize } from '../text/size.ts'
import { type Column, table } from '../text/table.ts'
import { formatDue, formatMoment, formatSpan } from '../text/time.ts'

interface StatusOptions extends DaemonOptions {
  readonly health?: boolean
}

export function statusCommand(): Command {
  const command = new Command('status')
    .description('how the daemon and its queue are')
    .option('--health', 'print nothing when all is well; exit 1 and say why when it is not')
  return withDaemonOptions(command).addHelpText('after', HELP).action(status)
}

const HELP = `
Exits 69 when the daemon is not running. With --health also 1 when it runs but cannot take mail,
as a container's health check or a monitoring plug-in wants it.

Examples:
  postern status
  postern status --json | jq .queue.states
  postern status --health || systemctl restart postern`

async function status(options: StatusOptions): Promise<void> {
  const { api, terminal, json, now } = openSession(options)
  const found = await api.get<ApiStatus>('/v1/status')
  if (json) terminal.json(found)
  if (options.health === true) return tellHealth(found, (line) => terminal.hint(line))
  if (!json) terminal.print(...describe(found, now, terminal.columns))
}

function tellHealth({ unhealthy, unready }: ApiStatus, hint: (line: string) => void): void {
  const troubles = [...unhealthy, ...unready]
  for (const trouble of troubles) hint(trouble)
  if (troubles.length > 0) process.exitCode = EXIT.failed
}

function describe(found: ApiStatus, now: number, columns: number | null): string[] {
  const troubles = [...found.unhealthy, ...found.unready]
  return [
    `Postern ${found.version} on ${found.hostname}, ${found.phase}, process ${found.pid}, up ${formatSpan(now - Date.parse(found.startedAt))}`,
    `Configuration  ${found.configFile}${reloadNote(found, now)}`,
    `Data           ${found.stateDir}`,
    ...troubles.map((trouble) => `TROUBLE        ${trouble}`),
    ...found.alarms.map((alarm) => `ALARM          ${alarm}`),
    ...found.listeners.map(
      ({ address, port, tls, connections }) =>
        `Listener       ${address}:${port} (TLS: ${tls}), ${counted(connections, 'connection')}`,
    ),
    `Delivery       ${counted(found.delivery.messages, 'message')} in memory, ${counted(found.delivery.connections, 'connection')} out`,
    ...(found.queue === null ? ['Queue          does not answer'] : describeQueue(found.queue, now, columns)),
  ]
}

function reloadNote({ lastReload }: ApiStatus, now: number): string {
  if (lastReload === null) return ''
  const ago = `${formatSpan(now - Date.parse(lastReload.at))} ago`
  if (lastReload.ok) return `, reloaded ${ago}`
  return `; the reload of ${formatMoment(lastReload.at)} (${ago}) failed, the one before it is in force`
}

function describeQueue(queue: ApiQueueSummary, now: number, columns: number | null): string[] {
  const { states, oldest, room, freeBytes, damaged } = queue
  const age = oldest === null ? '' : `, the oldest message ${formatSpan(now - Date.parse(oldest))} old`
  return [
    `Queue          ${counted(states.pending, 'recipient')} pending, ${states.leased} under way, ${states.held} held${age}`,
    `Spool          ${room}, ${formatSize(freeBytes)} free on its disk`,
    ...damaged.map(({ queueId, found }) => `DAMAGED        ${queueId}: ${found}`),
    ...describeDestinations(queue, now, columns),
  ]
}

const DESTINATIONS_SHOWN = 20

function describeDestinations(queue: ApiQueueSummary, now: number, columns: number | null): string[] {
  const shown = queue.destinations.slice(0, DESTINATIONS_SHOWN)
  if (shown.length === 0) return []
  const rest = queue.destinationCount - shown.length
  const lines = table(destinationColumns(now), shown, columns)
  return ['', ...lines, ...(rest > 0 ? [`and ${counted(rest, 'more destination')}`] : [])]
}

const destinationColumns = (now: number): readonly Column<ApiDestination>[] => [
  { title: 'DESTINATION', cell: ({ destination }) => destination, atMost: 40 },
  { title: 'PENDING', cell: ({ pending }) => String(pending), align: 'right' },
  { title: 'UNDER WAY', cell: ({ leased }) => String(leased), align: 'right' },
  {
    title: 'NEXT',
    cell: ({ blockedUntil }) => (blockedUntil === null ? '' : formatDue(Date.parse(blockedUntil), now)),
  },
  { title: 'TROUBLE', cell: ({ reason }) => reason ?? '' },
]

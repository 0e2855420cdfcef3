import { Command } from 'commander'
import type { ApiOutgoing, ApiReportKind } from '../../api.ts'
import { type DaemonOptions, wholeNumber, withDaemonOptions } from '../../options.ts'
import { openSession } from '../../session.ts'
import { table } from '../../text/table.ts'
import { count, GOOD_BAD } from './words.ts'

interface OutgoingOptions extends DaemonOptions {
  readonly days: number
}

type Sent = ApiOutgoing['reports'][number]
type Collecting = ApiOutgoing['collecting'][number]

export function outgoingCommand(kind: ApiReportKind): Command {
  const command = new Command('outgoing')
    .description('what we report to others: what is counted now, and what was sent')
    .option('-d, --days <count>', 'days back', wholeNumber, 7)
  return withDaemonOptions(command).action((options: OutgoingOptions) => outgoing(kind, options))
}

async function outgoing(kind: ApiReportKind, { days, ...options }: OutgoingOptions): Promise<void> {
  const { api, terminal, json } = openSession(options)
  const found = await api.get<ApiOutgoing>(`/v1/reports/${kind}/outgoing`, { days })
  if (json) return terminal.json(found)
  const { collecting, reports, overflow } = found
  if (collecting.length === 0) terminal.hint('Nothing is counted for a report to come.')
  else terminal.print('Counted, for reports to come:', ...counted(kind, collecting, terminal.columns))
  if (reports.length > 0) terminal.print('', 'Reports:', ...table(SENT, reports, terminal.columns))
  for (const { day, count } of overflow) terminal.print(`${day}: ${count} more were not counted one by one`)
}

function counted(kind: ApiReportKind, rows: readonly Collecting[], columns: number | null): string[] {
  const [good, bad] = GOOD_BAD[kind]
  const spec = [
    { title: 'DAY', cell: ({ day }: Collecting) => day },
    count(good, (row: Collecting) => row.good),
    count(bad, (row: Collecting) => row.bad),
    { title: 'DOMAIN', cell: ({ domain }: Collecting) => domain, atMost: 60 },
  ]
  return table(spec, rows, columns)
}

const SENT = [
  { title: 'DAY', cell: ({ day }: Sent) => day },
  { title: 'STATE', cell: ({ state }: Sent) => state },
  { title: 'DOMAIN', cell: ({ domain }: Sent) => domain, atMost: 50 },
  { title: 'TO', cell: ({ destinations }: Sent) => destinations.map(({ uri, state }) => `${uri} ${state}`).join(', ') },
  { title: 'WHY', cell: ({ detail }: Sent) => detail, atMost: 60 },
]

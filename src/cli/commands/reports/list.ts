import { Command } from 'commander'
import type { ApiReceivedReport, ApiReportKind, ApiReportPage } from '../../api.ts'
import { type DaemonOptions, wholeNumber, withDaemonOptions } from '../../options.ts'
import { openSession } from '../../session.ts'
import { table } from '../../text/table.ts'
import { formatMoment } from '../../text/time.ts'
import { GOOD_BAD } from './words.ts'

interface ListOptions extends DaemonOptions {
  readonly limit: number
  readonly before?: number
}

export function listCommand(kind: ApiReportKind): Command {
  const command = new Command('list')
    .description('reports that were received, the latest first')
    .option('-n, --limit <count>', 'at the most, up to 200', wholeNumber, 20)
    .option('--before <id>', 'go on before the report of this number', wholeNumber)
  return withDaemonOptions(command).action((options: ListOptions) => list(kind, options))
}

async function list(kind: ApiReportKind, { limit, before, ...options }: ListOptions): Promise<void> {
  const { api, terminal, json } = openSession(options)
  const page = await api.get<ApiReportPage>(`/v1/reports/${kind}`, { limit, before })
  if (json) return terminal.json(page)
  if (page.reports.length === 0) return terminal.hint('No report was received.')
  const [good, bad] = GOOD_BAD[kind]
  const columns = [
    { title: 'NO', cell: ({ id }: ApiReceivedReport) => String(id), align: 'right' as const },
    { title: 'DAY', cell: ({ begins }: ApiReceivedReport) => formatMoment(begins).slice(0, 10) },
    { title: 'BY', cell: ({ organisation }: ApiReceivedReport) => organisation, atMost: 40 },
    { title: good, cell: (report: ApiReceivedReport) => String(report.good), align: 'right' as const },
    { title: bad, cell: (report: ApiReceivedReport) => String(report.bad), align: 'right' as const },
    { title: 'SENDER', cell: ({ proven, proof }: ApiReceivedReport) => provenText(proven, proof), atMost: 30 },
    { title: 'ABOUT', cell: ({ domains }: ApiReceivedReport) => domains.join(', '), atMost: 60 },
  ]
  terminal.print(...table(columns, page.reports, terminal.columns))
  if (page.next !== null) terminal.hint(`There may be more: --before ${page.next} goes on from here.`)
}

export const provenText = (proven: boolean | null, proof: string): string => {
  if (proven === null) return proof
  return proven ? 'proven' : 'NOT PROVEN'
}

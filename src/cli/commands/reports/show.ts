import { Command } from 'commander'
import type { ApiReport, ApiReportKind } from '../../api.ts'
import { type DaemonOptions, wholeNumber, withDaemonOptions } from '../../options.ts'
import { openSession } from '../../session.ts'
import { table } from '../../text/table.ts'
import { formatMoment } from '../../text/time.ts'
import { provenText } from './list.ts'
import { count } from './words.ts'

type TlsPolicies = Extract<ApiReport['report'], { policies: unknown }>['policies']
type DmarcRows = Extract<ApiReport['report'], { rows: unknown }>['rows']

export function showCommand(kind: ApiReportKind): Command {
  const command = new Command('show')
    .argument('<number>', 'as the list shows it', wholeNumber)
    .description('one report, as it was read')
  return withDaemonOptions(command).action((id: number, options: DaemonOptions) => show(kind, id, options))
}

async function show(kind: ApiReportKind, id: number, options: DaemonOptions): Promise<void> {
  const { api, terminal, json } = openSession(options)
  const found = await api.get<ApiReport>(`/v1/reports/${kind}/${id}`)
  if (json) return terminal.json(found)
  terminal.print(...head(found), '')
  const { report } = found
  const lines =
    'policies' in report
      ? report.policies.flatMap((p) => policy(p, terminal.columns))
      : rows(report.rows, terminal.columns)
  terminal.print(...lines)
}

const head = ({
  organisation,
  reportId,
  sender,
  receivedAt,
  begins,
  ends,
  proven,
  proof,
  report,
}: ApiReport): string[] => [
  `Report     ${reportId}`,
  `By         ${organisation}${sender === '' ? '' : `, mail from ${sender}`} (${provenText(proven, proof)})`,
  ...(report.contact === '' ? [] : [`Contact    ${report.contact}`]),
  `About      ${formatMoment(begins)} to ${formatMoment(ends)}`,
  `Received   ${formatMoment(receivedAt)}`,
  ...('published' in report
    ? [
        `Policy     ${report.published.domain}: p=${report.published.p} sp=${report.published.sp} pct=${report.published.pct}`,
      ]
    : []),
]

function policy(found: TlsPolicies[number], columns: number | null): string[] {
  const { domain, type, mxHosts, successful, failed, failures } = found
  const hosts = mxHosts.length === 0 ? '' : `, hosts ${mxHosts.join(', ')}`
  const first = `${domain} (${type}${hosts}): ${successful} sessions succeeded, ${failed} failed`
  if (failures.length === 0) return [first]
  const spec = [
    count('SESSIONS', ({ sessions }: TlsPolicies[number]['failures'][number]) => sessions),
    { title: 'FAILURE', cell: (row: TlsPolicies[number]['failures'][number]) => row.type, atMost: 30 },
    { title: 'OUR HOST', cell: (row: TlsPolicies[number]['failures'][number]) => row.host || row.address, atMost: 40 },
    { title: 'SENDING', cell: (row: TlsPolicies[number]['failures'][number]) => row.sendingMta, atMost: 40 },
    { title: 'REASON', cell: (row: TlsPolicies[number]['failures'][number]) => row.reason, atMost: 60 },
  ]
  return [first, ...table(spec, failures, columns).map((line) => `  ${line}`)]
}

const passed = (aligned: boolean): string => (aligned ? 'pass' : 'fail')

function rows(found: DmarcRows, columns: number | null): string[] {
  const spec = [
    count('MESSAGES', (row: DmarcRows[number]) => row.count),
    { title: 'SOURCE', cell: ({ sourceIp }: DmarcRows[number]) => sourceIp },
    { title: 'FROM', cell: ({ headerFrom }: DmarcRows[number]) => headerFrom, atMost: 40 },
    { title: 'DKIM', cell: ({ dkimAligned }: DmarcRows[number]) => passed(dkimAligned) },
    { title: 'SPF', cell: ({ spfAligned }: DmarcRows[number]) => passed(spfAligned) },
    { title: 'DONE', cell: ({ disposition }: DmarcRows[number]) => disposition },
    {
      title: 'SIGNED BY',
      cell: ({ dkim }: DmarcRows[number]) => dkim.map((d) => `${d.domain} ${d.result}`).join(', '),
      atMost: 50,
    },
  ]
  return table(spec, found, columns)
}

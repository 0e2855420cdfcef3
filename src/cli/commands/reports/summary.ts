import { Command } from 'commander'
import type { ApiDmarcSummary, ApiReportKind, ApiTlsSummary } from '../../api.ts'
import { type DaemonOptions, wholeNumber, withDaemonOptions } from '../../options.ts'
import { openSession } from '../../session.ts'
import { table } from '../../text/table.ts'
import { count } from './words.ts'

interface SummaryOptions extends DaemonOptions {
  readonly days: number
}

type Columns = number | null

export function summaryCommand(kind: ApiReportKind): Command {
  const command = new Command('summary')
    .description('all that was reported in the last days: by domain, by who reports, and what failed')
    .option('-d, --days <count>', 'days back', wholeNumber, 7)
  return withDaemonOptions(command).action((options: SummaryOptions) => summary(kind, options))
}

async function summary(kind: ApiReportKind, { days, ...options }: SummaryOptions): Promise<void> {
  const { api, terminal, json } = openSession(options)
  const found = await api.get<ApiTlsSummary | ApiDmarcSummary>(`/v1/reports/${kind}/summary`, { days })
  if (json) return terminal.json(found)
  const left = [
    ...(found.unproven > 0 ? [`${found.unproven} whose sender was not proven, left out`] : []),
    ...(found.damaged > 0 ? [`${found.damaged} that could not be read`] : []),
  ]
  terminal.print(`${found.reports} reports in ${days} days${left.map((text) => `; ${text}`).join('')}`)
  if (found.reports === 0) return
  terminal.print(...('sources' in found ? dmarc(found, terminal.columns) : tls(found, terminal.columns)))
}

type Tls = ApiTlsSummary

function tls({ domains, organisations, failures }: Tls, columns: Columns): string[] {
  const sums = [count('OK', ({ good }: { good: number }) => good), count('FAILED', ({ bad }: { bad: number }) => bad)]
  const failed = [
    count('SESSIONS', ({ sessions }: Tls['failures'][number]) => sessions),
    { title: 'FAILURE', cell: ({ failure }: Tls['failures'][number]) => failure, atMost: 30 },
    { title: 'DOMAIN', cell: ({ domain }: Tls['failures'][number]) => domain, atMost: 40 },
    { title: 'OUR HOST', cell: ({ host }: Tls['failures'][number]) => host, atMost: 40 },
    { title: 'SENDING', cell: ({ sendingMta }: Tls['failures'][number]) => sendingMta, atMost: 40 },
    { title: 'REPORTED BY', cell: ({ organisation }: Tls['failures'][number]) => organisation, atMost: 40 },
  ]
  const about = [
    ...sums,
    { title: 'POLICY', cell: ({ policy }: Tls['domains'][number]) => policy },
    { title: 'DOMAIN', cell: ({ domain }: Tls['domains'][number]) => domain, atMost: 60 },
  ]
  const by = [...sums, { title: 'REPORTED BY', cell: ({ organisation }: Tls['organisations'][number]) => organisation }]
  return [
    ...['', ...table(about, domains, columns), '', ...table(by, organisations, columns)],
    ...(failures.length === 0 ? [] : ['', ...table(failed, failures, columns)]),
  ]
}

type Dmarc = ApiDmarcSummary

function dmarc({ domains, sources }: Dmarc, columns: Columns): string[] {
  const sums = [
    count('ALIGNED', ({ aligned }: { aligned: number }) => aligned),
    count('NOT', ({ unaligned }: { unaligned: number }) => unaligned),
  ]
  const about = [...sums, { title: 'DOMAIN', cell: ({ domain }: Dmarc['domains'][number]) => domain, atMost: 60 }]
  const by = [
    ...sums,
    count('DKIM', ({ dkim }: Dmarc['sources'][number]) => dkim),
    count('SPF', ({ spf }: Dmarc['sources'][number]) => spf),
    count('REFUSED', ({ refused }: Dmarc['sources'][number]) => refused),
    { title: 'SOURCE', cell: ({ sourceIp }: Dmarc['sources'][number]) => sourceIp },
    { title: 'FROM', cell: ({ headerFrom }: Dmarc['sources'][number]) => headerFrom, atMost: 60 },
  ]
  return ['', ...table(about, domains, columns), '', ...table(by, sources, columns)]
}

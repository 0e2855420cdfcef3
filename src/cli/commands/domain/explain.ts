import { Command } from 'commander'
import type { ApiExplanation } from '../../api.ts'
import { EXIT } from '../../exit.ts'
import { type DaemonOptions, withDaemonOptions } from '../../options.ts'
import { openSession } from '../../session.ts'
import { type Column, table } from '../../text/table.ts'
import { formatMoment } from '../../text/time.ts'
import { domainName } from './entry.ts'

interface ExplainOptions extends DaemonOptions {
  readonly requiretls?: boolean
  readonly sensitive?: boolean
}

export function explainCommand(): Command {
  const command = new Command('explain')
    .argument('<domain>', 'domain of a recipient', domainName)
    .description('what the path to a domain must prove now, and which rule says so')
    .option('--requiretls', 'for a message that asks for REQUIRETLS')
    .option('--sensitive', 'for a sensitive message')
  return withDaemonOptions(command).addHelpText('after', HELP).action(explain)
}

const HELP = `
The daemon looks it up as delivery would: register, REQUIRETLS, DANE, MTA-STS, routes and exceptions,
opportunistic TLS, clear, in this order. The first rule that decides is marked with >. Exits 1 where
nothing may be sent now.

Example:
  postern domain explain royal.example.test`

async function explain(domain: string, options: ExplainOptions): Promise<void> {
  const { api, terminal, json } = openSession(options)
  const need = options.sensitive === true ? 'sensitive' : options.requiretls === true ? 'requiretls' : 'none'
  const found = await api.get<ApiExplanation>(`/v1/domains/${encodeURIComponent(domain)}/explanation`, { need })
  if (json) terminal.json(found)
  else terminal.print(...describe(found, terminal.columns))
  if (found.decision?.stopped != null) process.exitCode = EXIT.failed
}

type Step = ApiExplanation['steps'][number]
type Host = NonNullable<ApiExplanation['decision']>['hosts'][number]

function describe({ domain, way, steps, decision }: ApiExplanation, columns: number | null): string[] {
  const lines = [`Mail for ${domain} goes ${way}.`]
  if (decision === null) return [`${domain}: ${way}.`]
  lines.push('', ...table(STEPS, steps, columns).slice(1), '')
  if (decision.stopped !== null) lines.push(`Nothing may be sent now: ${decision.stopped}.`)
  else
    lines.push(
      `Decided by ${decision.source}${decision.until === null ? '' : `, until ${formatMoment(decision.until)}`}.`,
    )
  return decision.hosts.length === 0 ? lines : [...lines, '', ...table(HOSTS, decision.hosts, columns)]
}

const STEPS: readonly Column<Step>[] = [
  { title: '', cell: ({ decides }) => (decides ? '>' : ' ') },
  { title: '', cell: ({ rule }) => rule },
  { title: '', cell: ({ says }) => says },
]

const HOSTS: readonly Column<Host>[] = [
  { title: 'HOST', cell: ({ host, port }) => `${host}:${port}`, atMost: 50 },
  { title: 'TLS', cell: ({ tls, minTls }) => (minTls === null || tls === 'none' ? tls : `${tls}, ${minTls} or later`) },
  { title: 'PROVES', cell: ({ proves }) => proves },
  { title: '', cell: ({ refused }) => (refused === null ? '' : `must not be tried: ${refused}`) },
]

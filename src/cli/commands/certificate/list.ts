import { Command } from 'commander'
import type { ApiCertificate, ApiCertificatePage } from '../../api.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { type DaemonOptions, span, wholeNumber, withDaemonOptions } from '../../options.ts'
import { type Output, showPages } from '../../paging.ts'
import { openSession, type Session } from '../../session.ts'
import { type Column, table } from '../../text/table.ts'

interface ListOptions extends DaemonOptions {
  readonly expiring?: number
  readonly limit: number
  readonly all?: boolean
  readonly after?: string
}

const PAGE = 100
const LARGEST_PAGE = 200

export function listCommand(): Command {
  const command = new Command('list')
    .description("recipients' certificates, in the order in which they came")
    .option('--expiring <span>', 'only usable ones that expire within this time, such as 30d', span)
    .option('-n, --limit <count>', 'certificates at the most', wholeNumber, PAGE)
    .option('-a, --all', 'all of them, page by page')
    .option('--after <cursor>', 'go on where an earlier call ended')
  return withDaemonOptions(command).action(list)
}

export function showCommand(): Command {
  const command = new Command('show')
    .argument('<address|fingerprint>', 'whose, or which')
    .description('everything about the certificates of an address, or about one')
    .option('--pem', 'print them as PEM')
  return withDaemonOptions(command).action(show)
}

async function list(options: ListOptions): Promise<void> {
  const session = openSession(options)
  const { expiring } = options
  const query = expiring === undefined ? {} : { expiringBefore: new Date(session.now + expiring).toISOString() }
  const ask = async (page: { readonly cursor: string | undefined; readonly limit: number }) => {
    const { certificates, next } = await session.api.get<ApiCertificatePage>('/v1/certificates', { ...query, ...page })
    return { messages: certificates, next }
  }
  const output = session.json ? documents(session) : lines(session)
  await showPages(ask, options, LARGEST_PAGE, output)
}

function documents({ terminal }: Session): Output<ApiCertificate> {
  const document = terminal.jsonList('certificates')
  return { show: (certificates) => document.add(certificates), end: (next) => document.end({ next }) }
}

const COLUMNS: readonly Column<ApiCertificate>[] = [
  { title: 'ADDRESS', cell: ({ address }) => address, atMost: 50 },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'UNTIL', cell: ({ notAfter }) => notAfter.slice(0, 10) },
  { title: 'BY', cell: ({ addedBy }) => addedBy, atMost: 20 },
  { title: 'SHA-256', cell: ({ fingerprint }) => fingerprint },
]

function lines({ terminal }: Session): Output<ApiCertificate> {
  let shown = 0
  return {
    show(certificates) {
      if (certificates.length > 0) terminal.print(...table(COLUMNS, certificates, terminal.columns))
      shown += certificates.length
    },
    end(next) {
      if (shown === 0) terminal.print('No certificate.')
      if (next !== null) terminal.hint(`There is more: raise --limit or use --all; --after ${next} goes on from here.`)
    },
  }
}

async function show(of: string, options: DaemonOptions & { readonly pem?: boolean }): Promise<void> {
  const { api, terminal, json } = openSession(options)
  const { certificates } = await api.get<ApiCertificatePage>('/v1/certificates', { of })
  if (certificates.length === 0) throw new CommandFailure(EXIT.notFound, `There is no certificate of ${of}.`)
  if (json) terminal.json({ certificates })
  else if (options.pem === true) terminal.print(...certificates.flatMap(({ pem }) => pem.trimEnd().split('\n')))
  else terminal.print(...certificates.flatMap((each, i) => [...(i === 0 ? [] : ['']), ...describe(each)]))
}

function describe(certificate: ApiCertificate): string[] {
  const { address, fingerprint, state, notBefore, notAfter, how, addedAt, addedBy, withdrawnAt, withdrawnBy } =
    certificate
  return [
    `Address    ${address}`,
    `State      ${state}`,
    `SHA-256    ${fingerprint}`,
    `Valid      ${notBefore.slice(0, 10)} to ${notAfter.slice(0, 10)}`,
    `${how === 'added' ? 'Added     ' : 'Learnt    '} ${addedAt} by ${addedBy}`,
    ...(withdrawnAt === null ? [] : [`Withdrawn  ${withdrawnAt} by ${withdrawnBy}`]),
  ]
}

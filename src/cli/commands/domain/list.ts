import { Command } from 'commander'
import type { SecureDomain } from '../../../mail/secure-domain.ts'
import { type DaemonOptions, span, withDaemonOptions } from '../../options.ts'
import { type Column, table } from '../../text/table.ts'
import { documentOf, standingOfEntry } from './entry.ts'
import { openPlace, type Place } from './register.ts'

interface ListOptions extends DaemonOptions {
  readonly all?: boolean
  /** Milliseconds. */
  readonly expiring?: number
}

export function listCommand(): Command {
  const command = new Command('list')
    .description('the domains of the register, by name')
    .option('-a, --all', 'those that are retired, too')
    .option(
      '--expiring <span>',
      'only those that have expired or will within this, such as 30d; the first ones first',
      span,
    )
  return withDaemonOptions(command).addHelpText('after', HELP).action(list)
}

const HELP = `
It reads the file: what a running daemon goes by is the same unless "postern status" speaks of a failed reload.

Examples:
  postern domain list
  postern domain list --expiring 60d --json`

async function list(options: ListOptions): Promise<void> {
  const place = await openPlace(options)
  const { terminal, json } = place.session
  const entries = selected(place, options)
  if (json) {
    const documents = terminal.jsonList('domains')
    documents.add(entries.map((entry) => documentOf(entry, place)))
    documents.end({ file: place.file })
  } else if (entries.length === 0) terminal.hint('No domain matches.')
  else terminal.print(...table(columns(place), entries, terminal.columns))
}

function selected({ kit, register, session }: Place, { all, expiring }: ListOptions): readonly SecureDomain[] {
  const entries = kit.entriesOf(register)
  if (expiring !== undefined) return kit.expiriesOf(entries, session.now, expiring).map(({ entry }) => entry)
  const wanted = entries.filter(({ status }) => all === true || status === 'active')
  return wanted.sort((a, b) => (a.domain < b.domain ? -1 : 1))
}

const columns = ({ kit, session: { now } }: Place): readonly Column<SecureDomain>[] => [
  { title: 'DOMAIN', cell: ({ domain, subdomains }) => (subdomains ? `${domain} and below` : domain), atMost: 45 },
  { title: 'REQUIREMENT', cell: ({ requirement }) => requirement.prove },
  { title: 'TLS', cell: ({ requirement }) => requirement.minTls.replace('TLSv', '') },
  { title: 'NEXT HOP', cell: (entry) => kit.fieldsOf(entry)['next-hop'], atMost: 30 },
  { title: 'EXPIRES', cell: ({ expiresOn }) => kit.formatDay(expiresOn) },
  { title: 'STANDING', cell: (entry) => standingOfEntry(entry, now) },
  { title: 'OWNER', cell: ({ owner }) => owner },
]

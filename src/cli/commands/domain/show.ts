import { Command } from 'commander'
import { type SecureStanding, standingOf } from '../../../mail/secure-domain.ts'
import { EXIT } from '../../exit.ts'
import { type DaemonOptions, withDaemonOptions } from '../../options.ts'
import { describeEntry, documentOf, domainName } from './entry.ts'
import { openPlace } from './register.ts'

export function showCommand(): Command {
  const command = new Command('show')
    .argument('<domain>', 'domain, or a name below one', domainName)
    .description('whether a domain is secure, and by which entry')
  return withDaemonOptions(command).addHelpText('after', HELP).action(show)
}

const HELP = `
Exits 66 where no entry covers it. What the path must prove in the end, other rules counted in, says:
postern domain explain DOMAIN

Example:
  postern domain show ward7.royal.example.test`

async function show(domain: string, options: DaemonOptions): Promise<void> {
  const place = await openPlace(options)
  const { terminal, json, now } = place.session
  const standing = standingOf(domain, place.kit.registerOfFile(place.register), now)
  const entry = standing.is === 'unknown' ? null : standing.entry
  if (json) terminal.json({ domain, standing: standing.is, entry: entry === null ? null : documentOf(entry, place) })
  else terminal.print(inWords(domain, standing), ...(entry === null ? [] : ['', ...describeEntry(entry, place)]))
  if (entry === null) process.exitCode = EXIT.notFound
}

function inWords(domain: string, standing: SecureStanding): string {
  if (standing.is === 'unknown') return `${domain} is not in the register.`
  const { entry } = standing
  const by = entry.domain === domain ? 'its own entry' : `the entry ${entry.domain}`
  return standing.is === 'secure'
    ? `${domain} is secure, by ${by}.`
    : `${domain} is not secure: ${by} is ${standing.is}.`
}

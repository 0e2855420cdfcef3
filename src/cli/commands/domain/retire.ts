import { Command } from 'commander'
import type { RegisterFile } from '../../../config/secure-domains/index.ts'
import { type DaemonOptions, withDaemonOptions } from '../../options.ts'
import { documentOf, domainName, notRegistered } from './entry.ts'
import { type Confirmation, makeChange, openPlace, type Place, type Proposal, tellChange } from './register.ts'

interface RetireOptions extends DaemonOptions, Confirmation {
  readonly reason: string
}

export function retireCommand(): Command {
  const command = new Command('retire')
    .argument('<domain>', 'domain', domainName)
    .description('a domain is no longer secure: its mail goes as any other, its entry stays as a record')
    .requiredOption('--reason <words>', 'why; stands in the register with your name')
    .option('-y, --yes', 'do not ask')
  return withDaemonOptions(command).addHelpText('after', HELP).action(retire)
}

const HELP = `
Example:
  postern domain retire royal.example.test --reason 'merged with city.example.test'`

async function retire(domain: string, options: RetireOptions): Promise<void> {
  const place = await openPlace(options)
  const entry = place.kit.entryFor(place.register, domain)
  if (entry === null) throw notRegistered(domain, place.file)
  const retired = { ...entry, status: 'retired' } as const
  if (entry.status === 'retired') {
    if (place.session.json) place.session.terminal.json(documentOf(entry, place))
    else place.session.terminal.print(`${domain} was retired before. Nothing was changed.`)
    return
  }
  const found = await makeChange(place, options, (register) => proposal(domain, options.reason, place, register))
  if (found !== null) tellChange(place, `${domain} is retired.`, found, documentOf(retired, place))
}

function proposal(domain: string, reason: string, { kit, session, file }: Place, register: RegisterFile): Proposal {
  const entry = kit.entryFor(register, domain)
  if (entry === null) throw notRegistered(domain, file)
  if (entry.status === 'retired') return { next: register, question: null }
  const scope = entry.subdomains ? `${domain} and all names below it` : domain
  const text = `Retire ${domain}? Mail for ${scope} then needs no proven path.`
  const comment = `${kit.formatDay(session.now)} ${domain} retired by ${session.by}: ${reason}`.slice(0, LONGEST)
  return { next: kit.withRetired(register, domain, comment), question: { lines: [], text } }
}

const LONGEST = 1_000

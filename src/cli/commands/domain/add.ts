import { Command } from 'commander'
import type { ColumnName, Fault, RegisterFile } from '../../../config/secure-domains/index.ts'
import type { SecureDomain } from '../../../mail/secure-domain.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { choice, type DaemonOptions, withDaemonOptions } from '../../options.ts'
import { documentOf, domainName } from './entry.ts'
import {
  type Confirmation,
  type Kit,
  makeChange,
  openPlace,
  type Place,
  type Proposal,
  tellChange,
} from './register.ts'

interface AddOptions extends DaemonOptions, Confirmation {
  readonly subdomains?: boolean
  readonly requirement?: string
  readonly fingerprint: readonly string[]
  readonly minTls?: string
  readonly ciphers?: string
  readonly nextHop?: string
  readonly owner?: string
  readonly reviewedOn?: string
  readonly expiresOn?: string
  readonly approver: readonly string[]
  readonly replace?: boolean
}

const each = (text: string, before: readonly string[]): string[] => [...before, text]

export function addCommand(): Command {
  const command = new Command('add')
    .argument('<domain>', 'domain', domainName)
    .description('enter a domain in the register, or review its entry')
    .addOption(choice('--requirement <what>', 'what the path must prove', ['verified', 'dane', 'pinned']))
    .option('--subdomains', 'all names below it are meant, too')
    .option('--no-subdomains', 'they are not')
    .option('--fingerprint <hex>', 'for pinned: SHA-256 of a certificate; may be repeated', each, [])
    .addOption(choice('--min-tls <version>', 'the least version of TLS (default: TLSv1.2)', ['TLSv1.2', 'TLSv1.3']))
    .option('--ciphers <names>', "OpenSSL's names, with colons between (default: the service's own list)")
    .option('--next-hop <host>', 'where its mail goes, host or host:port, whatever routes or the DNS say')
    .option('--owner <who>', 'who answers for the entry')
    .option('--reviewed-on <day>', 'when it was looked into (default: today)')
    .option('--expires-on <day>', 'from this day on it is no longer secure, such as 2027-05-31')
    .option('--approver <name>', 'who approved it; two different people', each, [])
    .option('--replace', 'the domain has an entry: take what is said here in its place, and the rest from it')
    .option('-y, --yes', 'do not ask')
  return withDaemonOptions(command).addHelpText('after', HELP).action(add)
}

const HELP = `
requirement is verified (a chain to an authority, and the right name), dane (TLSA records under DNSSEC)
or pinned (one of these certificates). With --replace the review is a new one: expiry and approvers must be
given. What makes a domain less protected is shown and confirmed.

Examples:
  postern domain add royal.example.test --requirement verified --owner 'Royal mail team' \\
    --expires-on 2027-05-31 --approver 'A. Nightingale' --approver 'M. Seacole'
  postern domain add royal.example.test --replace --expires-on 2028-05-31 --approver …  --approver …`

async function add(domain: string, options: AddOptions): Promise<void> {
  const place = await openPlace(options)
  const propose = (register: RegisterFile) => proposal(domain, options, place, register)
  const found = await makeChange(place, options, propose)
  if (found === null) return
  const entry = entryFrom(domain, options, place, place.register)
  const done = options.replace === true ? 'has a new entry' : 'was entered'
  tellChange(place, `${domain} ${done}.`, found, documentOf(entry, place))
}

function proposal(domain: string, options: AddOptions, place: Place, register: RegisterFile): Proposal {
  const { kit, session } = place
  const entry = entryFrom(domain, options, place, register)
  const lines = kit.weakenings(kit.registerOfFile(register), entry, session.now).map((what) => `${domain}: ${what}`)
  const question = lines.length === 0 ? null : { lines, text: `Protect ${domain} less than now?` }
  return { next: kit.withEntries(register, [entry]), question }
}

/** The entry that the options and, with `--replace`, the one before it make. Ends the command where they make none. */
function entryFrom(domain: string, options: AddOptions, { kit, session }: Place, register: RegisterFile): SecureDomain {
  const before = kit.entryFor(register, domain)
  if (before !== null && options.replace !== true) {
    throw new CommandFailure(EXIT.failed, `${domain} has an entry already; --replace changes it.`)
  }
  if (before === null && options.replace === true) {
    throw new CommandFailure(EXIT.notFound, `${domain} has no entry yet: leave --replace out.`)
  }
  if (options.approver.length !== 2) {
    const count = `You named ${options.approver.length || 'none'}.`
    throw new CommandFailure(EXIT.usage, `Two people approve each entry: --approver NAME --approver NAME. ${count}`)
  }
  const read = kit.readEntry(fieldsFrom(domain, options, before, kit, session.now))
  if (!read.ok) throw new CommandFailure(EXIT.usage, read.faults.map(faultInWords).join('\n'))
  return timely(read.entry, kit, session.now)
}

function fieldsFrom(domain: string, options: AddOptions, before: SecureDomain | null, kit: Kit, now: number) {
  const [first = '', second = ''] = options.approver
  const old = before === null ? NEW_ENTRY : kit.fieldsOf(before)
  const requirement = options.requirement ?? old.requirement
  const pins = options.fingerprint.length > 0 || requirement !== 'pinned' ? options.fingerprint.join(' ') : null
  const subdomains = options.subdomains === true ? 'yes' : 'no'
  return {
    domain,
    subdomains: options.subdomains === undefined ? old.subdomains : subdomains,
    requirement,
    fingerprints: pins ?? old.fingerprints,
    'min-tls': options.minTls ?? old['min-tls'],
    ciphers: options.ciphers ?? old.ciphers,
    'next-hop': options.nextHop ?? old['next-hop'],
    owner: options.owner ?? old.owner,
    'reviewed-on': options.reviewedOn ?? kit.formatDay(now),
    'expires-on': options.expiresOn ?? '',
    'approver-1': first,
    'approver-2': second,
    status: 'active',
  } satisfies Record<ColumnName, string>
}

const NEW_ENTRY = {
  subdomains: 'no',
  requirement: '',
  fingerprints: '',
  'min-tls': 'TLSv1.2',
  ciphers: '',
  'next-hop': '',
  owner: '',
} as const

const FLAGS: Partial<Readonly<Record<ColumnName, string>>> = {
  fingerprints: '--fingerprint',
  'approver-1': '--approver (the first)',
  'approver-2': '--approver (the second)',
}

const faultInWords = ({ column, message }: Fault): string => `${FLAGS[column] ?? `--${column}`}: ${message}.`

const DAY_MS = 86_400_000

function timely(entry: SecureDomain, kit: Kit, now: number): SecureDomain {
  if (entry.expiresOn <= now) {
    const day = kit.formatDay(entry.expiresOn)
    throw new CommandFailure(EXIT.usage, `--expires-on: ${day} is over, so that the domain would not be secure.`)
  }
  // somewhere on earth it is tomorrow already
  if (entry.reviewedOn > now + DAY_MS) {
    throw new CommandFailure(EXIT.usage, `--reviewed-on: ${kit.formatDay(entry.reviewedOn)} is still to come.`)
  }
  return entry
}

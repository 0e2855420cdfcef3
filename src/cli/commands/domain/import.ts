import { Command } from 'commander'
import { formatProblem } from '../../../config/problem.ts'
import type { Merge, RegisterFile } from '../../../config/secure-domains/index.ts'
import type { SecureDomain } from '../../../mail/secure-domain.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { type DaemonOptions, withDaemonOptions } from '../../options.ts'
import { counted } from '../../text/size.ts'
import { type Confirmation, makeChange, openPlace, type Place, type Proposal, tellChange } from './register.ts'

interface ImportOptions extends DaemonOptions, Confirmation {
  readonly dryRun?: boolean
}

export function importCommand(): Command {
  const command = new Command('import')
    .argument('<file>', 'CSV with the columns of the register')
    .description('take entries over from a file, all or none')
    .option('--dry-run', 'say what would change, and change nothing')
    .option('-y, --yes', 'do not ask')
  return withDaemonOptions(command).addHelpText('after', HELP).action(importFile)
}

const HELP = `
Entries of the file are added, or take the place of those of the same domain. Those that the file does
not name stay: retire them by name. One wrong line, and nothing changes; every wrong line is told, as
file:line:column: field: what would be right. Exits 1 then.

Example:
  postern domain import from-the-region.csv --dry-run`

async function importFile(source: string, options: ImportOptions): Promise<void> {
  const place = await openPlace(options)
  const { terminal, json } = place.session
  const entries = readSource(source, place)
  const merge = place.kit.mergeOf(place.register, entries)
  const facts = countsOf(merge)
  if (options.dryRun === true || facts.added + facts.changed === 0) {
    if (json) terminal.json({ ...facts, inForce: null, note: null })
    else terminal.print(`${inWords(merge)}.`, ...weaker(place, place.register, merge))
    return
  }
  const found = await makeChange(place, options, (register) => proposal(entries, place, register))
  if (found !== null) tellChange(place, `${inWords(merge)}.`, found, facts)
}

function readSource(source: string, { kit, session }: Place): readonly SecureDomain[] {
  const read = kit.readRegisterFile(source)
  if (read.ok) return kit.entriesOf(read.register)
  if ('missing' in read) throw new CommandFailure(EXIT.failed, `${source} is not there.`)
  if (session.json) session.terminal.json({ problems: read.problems })
  const wrong = counted(read.problems.length, 'mistake')
  throw new CommandFailure(
    EXIT.failed,
    [...read.problems.map(formatProblem), `${wrong} in ${source}: nothing was changed.`].join('\n'),
  )
}

function proposal(entries: readonly SecureDomain[], place: Place, register: RegisterFile): Proposal {
  const { kit } = place
  const merge = kit.mergeOf(register, entries)
  const next = kit.withEntries(register, entries)
  return { next, question: { lines: weaker(place, register, merge), text: `Import: ${inWords(merge)}?` } }
}

const MOST_TOLD = 20

/** What would be protected less, a line each. */
function weaker({ kit, session }: Place, register: RegisterFile, { added, changed }: Merge): string[] {
  const known = kit.registerOfFile(register)
  const all = [...changed.map(({ after }) => after), ...added]
  const lines = all.flatMap((after) =>
    kit.weakenings(known, after, session.now).map((what) => `less protected: ${after.domain}: ${what}`),
  )
  const rest = lines.length - MOST_TOLD
  return rest > 0 ? [...lines.slice(0, MOST_TOLD), `and ${rest} more`] : lines
}

const countsOf = ({ added, changed, unchanged, left }: Merge) => ({
  added: added.length,
  changed: changed.length,
  unchanged,
  left,
})

function inWords(merge: Merge): string {
  const { added, changed, unchanged, left } = countsOf(merge)
  return `${added} added, ${changed} changed, ${unchanged} unchanged, ${left} not in the file and left as they are`
}

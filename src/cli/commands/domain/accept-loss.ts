import { Command } from 'commander'
import type { Acceptance } from '../../../config/secure-domains/in-force.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { type DaemonOptions, withDaemonOptions } from '../../options.ts'
import { openSession } from '../../session.ts'
import { configPath } from '../../socket.ts'
import { counted } from '../../text/size.ts'
import type { Confirmation, Kit } from './register.ts'

interface AcceptOptions extends DaemonOptions, Confirmation {
  readonly reason: string
}

export function acceptLossCommand(): Command {
  const command = new Command('accept-loss')
    .description('let a start go ahead although domains that were secure are gone from the register')
    .requiredOption('--reason <words>', 'why; is kept with your name')
    .option('-y, --yes', 'do not ask')
  return withDaemonOptions(command).addHelpText('after', HELP).action(acceptLoss)
}

const HELP = `
The state folder keeps which domains were secure when the daemon last ran. A start without one of them
is refused, for a file may have been cut short. This command is for when they are meant to be gone: it
counts for the next start, for the domains that it shows, once. Where they should be secure, put the
register back instead. What is in the register is ended by postern domain retire.

Example:
  postern domain accept-loss --reason 'royal.example.test moved to another service'`

const LONGEST_REASON = 1_000

async function acceptLoss(options: AcceptOptions): Promise<void> {
  const kit = await import('../../../config/secure-domains/index.ts')
  const session = openSession(options)
  const { terminal, json, now, by } = session
  const { dir, lost, read } = await lookFor(options, kit, now)
  if (read.is === 'none' || (read.is === 'kept' && lost.length === 0)) {
    if (json) terminal.json({ domains: [] })
    else terminal.print('No domain that was secure is gone. Nothing was changed.')
    return
  }
  for (const domain of lost) terminal.hint(`not secure any more: ${domain}`)
  if (read.is === 'unreadable') terminal.hint(`${kit.keptFile(dir)} cannot be read (${read.why}): it is begun anew`)
  const question = `Let ${counted(lost.length, 'domain')} go? Mail for them then needs no proven path.`
  if (options.yes !== true && !terminal.interactive)
    throw new CommandFailure(EXIT.usage, `${question}\nThere is nobody to ask here: add --yes to do it.`)
  if (options.yes !== true && !(await terminal.confirm(question))) return terminal.hint('Nothing was changed.')
  const reason = options.reason.slice(0, LONGEST_REASON)
  keep(dir, { at: new Date(now).toISOString(), by, reason, domains: lost, usedAt: null }, kit)
  if (json) terminal.json({ domains: lost })
  else terminal.print(`${counted(lost.length, 'domain')} let go. It counts for the next start.`)
}

async function lookFor(options: AcceptOptions, kit: Kit, now: number) {
  const { formatProblem, loadConfig } = await import('../../../config/index.ts')
  const { state } = options
  const loaded = loadConfig(configPath(options), {
    env: process.env,
    ...(state !== undefined && { stateDir: state }),
  })
  if (!loaded.ok) throw new CommandFailure(EXIT.config, loaded.problems.map(formatProblem).join('\n'))
  const { dir } = loaded.config.state
  const read = kit.readKept(dir)
  const register = loaded.config.secureDomains?.register ?? null
  return { dir, read, lost: read.is === 'kept' ? kit.lostSince(read.kept, register, now) : [] }
}

function keep(dir: string, acceptance: Acceptance, kit: Kit): void {
  const read = kit.readKept(dir)
  const { secure, accepted } = read.is === 'kept' ? read.kept : { secure: [], accepted: [] }
  try {
    kit.writeKept(dir, { secure, accepted: [...accepted, acceptance] })
  } catch (error) {
    const { message } = error as Error
    throw new CommandFailure(EXIT.noPermission, `Cannot write ${kit.keptFile(dir)}: ${message}. Run it with sudo.`)
  }
}

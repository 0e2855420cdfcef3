import { Command } from 'commander'
import { systemClock } from '../../../clock.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { processTerminal } from '../../terminal.ts'
import { counted } from '../../text/size.ts'
import { onState, type StateOptions, stateRequest, withStateOptions } from './state.ts'

interface RepairOptions extends StateOptions {
  readonly yes?: boolean
  readonly force?: boolean
}

export function repairCommand(): Command {
  const command = new Command('repair')
    .description('build the database of the queue anew of everything in it that can be read')
    .option('-y, --yes', 'do not ask')
    .option('--force', 'also where nothing is found to be wrong')
  return withStateOptions(command).addHelpText('after', HELP).action(repair)
}

const HELP = `
The daemon must be stopped. The old database stays beside the new one, under a dated name. Messages that
cannot be trusted are set aside with all that is left of them: "postern spool export" writes them to files,
"postern spool return" puts them back. Exits 0 when every message is good now, 1 when some are set aside.`

async function repair(options: RepairOptions): Promise<void> {
  const terminal = processTerminal()
  const rescue = await import('../../../daemon/spool-rescue.ts')
  const request = stateRequest(options)
  const before = onState(() => rescue.check(request, true))
  const isHarmed = before.problems.some(({ text }) => !text.startsWith('set aside as damaged'))
  if (!isHarmed && options.force !== true) {
    return terminal.print('Nothing is found to be wrong: nothing was changed. Add --force to do it all the same.')
  }
  if (!(await agreed(options))) return terminal.hint('Nothing was changed.')
  const report = onState(() => rescue.repair(request, systemClock.now()))
  process.exitCode = report.damaged.length === 0 ? EXIT.ok : EXIT.failed
  if (options.json === true) return terminal.json(report)
  for (const { queueId, found } of report.damaged) terminal.print(`message ${queueId} is set aside: ${found}`)
  if (report.cut > 0)
    terminal.print(
      'A part of the database is gone. What lay there alone is not known here: postern ledger verify --with-spool',
    )
  if (report.found > 0) terminal.print(`${counted(report.found, 'content file')} found again.`)
  if (report.held > 0)
    terminal.print(
      `${counted(report.held, 'recipient')} held: the free pages of the old file are not known, so that some may have been sent already. Look at them, then: postern queue release`,
    )
  terminal.print(
    `${counted(report.messages, 'message')} good, ${report.damaged.length} set aside. The old database is ${report.movedTo}.`,
  )
}

async function agreed({ yes }: RepairOptions): Promise<boolean> {
  const terminal = processTerminal()
  if (yes === true) return true
  const question = 'Build the database of the queue anew? The old one is kept.'
  if (!terminal.interactive)
    throw new CommandFailure(EXIT.usage, `${question}\nThere is nobody to ask here: add --yes to do it.`)
  return terminal.confirm(question)
}

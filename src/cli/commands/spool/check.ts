import { Command } from 'commander'
import { EXIT } from '../../exit.ts'
import { processTerminal } from '../../terminal.ts'
import { counted } from '../../text/size.ts'
import { onState, type StateOptions, stateRequest, withStateOptions } from './state.ts'

interface CheckOptions extends StateOptions {
  readonly files: boolean
}

export function checkCommand(): Command {
  const command = new Command('check')
    .description('is every message in the queue as it was stored? Changes nothing')
    .option('--no-files', 'look only at the sizes of content files, without reading them')
  return withStateOptions(command).addHelpText('after', HELP).action(check)
}

const HELP = `
It reads the database, every row, and every content file, whether the daemon runs or not; run it as the
daemon's user. Exits 0 if all is as it was stored, 1 if anything is not.`

async function check(options: CheckOptions): Promise<void> {
  const terminal = processTerminal()
  const rescue = await import('../../../daemon/spool-rescue.ts')
  const report = onState(() => rescue.check(stateRequest(options), options.files))
  process.exitCode = report.ok ? EXIT.ok : EXIT.failed
  if (options.json === true) return terminal.json(report)
  for (const { queueId, text } of report.problems)
    terminal.print(queueId === null ? text : `message ${queueId}: ${text}`)
  if (report.orphans > 0)
    terminal.print(
      `${counted(report.orphans, 'content file')} without a message: mail that was not acknowledged, or whose row is lost`,
    )
  terminal.print(
    `${counted(report.messages, 'message')} looked at${report.running ? ', beside a running daemon' : ''}.`,
  )
  terminal.print(
    report.ok ? 'All is as it was stored.' : `NOT as it was stored: ${counted(report.problems.length, 'finding')}.`,
  )
  if (!report.ok)
    terminal.hint('To mend it: stop the daemon, make a copy of the state folder, then run: postern spool repair')
}

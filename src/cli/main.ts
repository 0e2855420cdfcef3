#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { backupCommand, restoreCommand } from './commands/backup.ts'
import { certificateCommand } from './commands/certificate/index.ts'
import { checkCommand } from './commands/check.ts'
import { dnsCommand } from './commands/dns/index.ts'
import { domainCommand } from './commands/domain/index.ts'
import { ledgerCommand } from './commands/ledger/index.ts'
import { queueCommand } from './commands/queue/index.ts'
import { receiptCommand } from './commands/receipt/index.ts'
import { reloadCommand } from './commands/reload.ts'
import { dmarcReportCommand, tlsReportCommand } from './commands/reports/index.ts'
import { serveCommand } from './commands/serve.ts'
import { spoolCommand } from './commands/spool/index.ts'
import { statusCommand } from './commands/status.ts'
import { tlsCommand } from './commands/tls.ts'
import { traceCommand } from './commands/trace.ts'
import { CommandFailure, EXIT } from './exit.ts'
import { printable } from './text/printable.ts'
import { version } from './version.ts'

function buildProgram(): Command {
  const program = new Command('postern')
    .description('A secure mail relay for health services.')
    .version(version(), '-V, --version')
    .showHelpAfterError('(postern help, or --help after a command, says more)')
    .addHelpText('after', EXIT_CODES)
  const daemonCommands = [
    statusCommand(),
    certificateCommand(),
    queueCommand(),
    traceCommand(),
    receiptCommand(),
    domainCommand(),
    dnsCommand(),
    reloadCommand(),
  ]
  for (const command of [serveCommand(), checkCommand(), ledgerCommand(), ...daemonCommands, tlsCommand()])
    program.addCommand(command)
  for (const command of [tlsReportCommand(), dmarcReportCommand()]) program.addCommand(command)
  for (const command of [backupCommand(), restoreCommand(), spoolCommand()]) program.addCommand(command)
  return exitByError(program)
}

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 64 wrong usage, 66 no such message, 69 the daemon is not running or
cannot do it now, 77 no permission, 78 the configuration is wrong.`

// So that wrong usage leaves through the same door as everything else, with its own code
function exitByError(command: Command): Command {
  command.exitOverride()
  for (const child of command.commands) exitByError(child)
  return command
}

function exitCodeOf(err: unknown): number {
  if (err instanceof CommandFailure) {
    complain(err.message)
    return err.code
  }
  // Commander has already said what was wrong; help and version end with 0
  if (err instanceof CommanderError) return err.exitCode === 0 ? EXIT.ok : EXIT.usage
  complain(`postern: ${err instanceof Error ? (err.stack ?? err.message) : String(err)}`)
  return EXIT.failed
}

function complain(text: string): void {
  process.stderr.write(`${text.split('\n').map(printable).join('\n')}\n`)
}

// `postern queue list | head`: who reads no further has what he wanted
process.stdout.on('error', (err: NodeJS.ErrnoException) => process.exit(err.code === 'EPIPE' ? EXIT.ok : EXIT.failed))

try {
  await buildProgram().parseAsync()
} catch (err) {
  process.exitCode = exitCodeOf(err)
}

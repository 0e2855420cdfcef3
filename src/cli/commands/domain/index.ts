import { Command } from 'commander'
import { acceptLossCommand } from './accept-loss.ts'
import { addCommand } from './add.ts'
import { explainCommand } from './explain.ts'
import { importCommand } from './import.ts'
import { listCommand } from './list.ts'
import { probeCommand } from './probe.ts'
import { retireCommand } from './retire.ts'
import { showCommand } from './show.ts'

export function domainCommand(): Command {
  const domain = new Command('domain')
    .description('secure domains: those that mail must only reach over a proven path')
    .addHelpText('after', HELP)
  const register = [addCommand(), showCommand(), listCommand(), retireCommand(), importCommand(), acceptLossCommand()]
  for (const command of [...register, explainCommand(), probeCommand()]) domain.addCommand(command)
  return domain
}

const HELP = `
The register is the CSV file that secureDomains.file of the configuration names. Commands that change
it write it whole or not at all, then have a running daemon read it; its comments and order stay.`

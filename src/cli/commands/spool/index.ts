import { Command } from 'commander'
import { checkCommand } from './check.ts'
import { exportCommand } from './export.ts'
import { repairCommand } from './repair.ts'
import { returnCommand } from './return.ts'

export function spoolCommand(): Command {
  return new Command('spool')
    .description('the files of the queue: are they whole, and what if not')
    .addCommand(checkCommand())
    .addCommand(repairCommand())
    .addCommand(returnCommand())
    .addCommand(exportCommand())
}

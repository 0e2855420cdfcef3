import { Command } from 'commander'
import { addCommand, importCommand } from './add.ts'
import { expireCommand } from './expire.ts'
import { listCommand, showCommand } from './list.ts'

export function certificateCommand(): Command {
  const certificate = new Command('certificate').description("recipients' S/MIME certificates, for sensitive mail")
  const commands = [addCommand(), importCommand(), listCommand(), showCommand(), expireCommand()]
  for (const command of commands) certificate.addCommand(command)
  return certificate
}

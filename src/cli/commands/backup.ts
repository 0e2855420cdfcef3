import { resolve } from 'node:path'
import { Command } from 'commander'
import { systemClock } from '../../clock.ts'
import { processTerminal } from '../terminal.ts'
import { counted, formatSize } from '../text/size.ts'
import { onState, type StateOptions, stateRequest, withStateOptions } from './spool/state.ts'

export function backupCommand(): Command {
  const command = new Command('backup')
    .description('copy the whole state to a folder, while the daemon runs')
    .argument('<folder>', 'must not be there yet')
  return withStateOptions(command).addHelpText('after', BACKUP_HELP).action(backup)
}

export function restoreCommand(): Command {
  const command = new Command('restore')
    .description('put a backup where the configuration says that the state lies')
    .argument('<folder>', 'a backup')
  return withStateOptions(command).addHelpText('after', RESTORE_HELP).action(restore)
}

const BACKUP_HELP = `
Queue, ledger, certificates, reports and the configuration file, each as it is at one moment; keys and other
files that the configuration names elsewhere are not in it. It holds mail: keep it as safe as the queue. Run
it as the daemon's user. The folder appears when it is whole.`

const RESTORE_HELP = `
The daemon must be stopped and the old state moved away. What was delivered after the backup was made is
delivered again; what was received after it is not in it. What was changed after it is as it was then:
S/MIME certificates that were withdrawn since are used again, those that were added are missing. The register
of secure domains lies beside the configuration and is not restored; where you put back an older one, entries
that were retired since are secure again, and those that were added are missing. Look through both before
mail goes out: postern certificate list, postern domain list.`

const AS_IT_WAS =
  'Certificates that were withdrawn since the backup are used again: withdraw them anew (postern certificate expire). Where you put an older register back, entries that were retired or changed since are as they were then.'

async function backup(folder: string, options: StateOptions): Promise<void> {
  const terminal = processTerminal()
  const kit = await import('../../daemon/backup/backup.ts')
  const done = onState(() => kit.backup(stateRequest(options), resolve(folder), systemClock.now()))
  if (options.json === true) return terminal.json(done)
  const [messages, files] = [counted(done.messages, 'waiting message'), counted(done.files, 'file')]
  terminal.print(`${messages}, ${files}, ${formatSize(done.bytes)}: ${done.folder}`)
}

async function restore(folder: string, options: StateOptions): Promise<void> {
  const terminal = processTerminal()
  const kit = await import('../../daemon/backup/restore.ts')
  const done = onState(() => kit.restore(stateRequest(options), resolve(folder)))
  if (options.json === true) return terminal.json(done)
  const again = counted(done.messages, 'message')
  terminal.print(`${again} in the queue again. What was delivered since the backup will be delivered twice.`)
  terminal.hint(AS_IT_WAS)
}

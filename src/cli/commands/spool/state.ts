import type { Command } from 'commander'
import type { StateRequest } from '../../../daemon/state-places.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { configPath } from '../../socket.ts'

/** Options of commands that work on the state itself, and speak to no daemon. */
export interface StateOptions {
  readonly config?: string
  readonly state?: string
  readonly json?: boolean
}

export const withStateOptions = (command: Command): Command =>
  command
    .option('-c, --config <file>', 'configuration file, which says where the state lies')
    .option('--state <dir>', 'state folder, instead of what the configuration says')
    .option('--json', 'print JSON for programs')

export const stateRequest = (options: StateOptions): StateRequest => ({
  configFile: configPath(options),
  stateDir: options.state ?? null,
})

/** Runs what works on the state, and tells its failures as a command does. */
export function onState<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw asFailure(error)
  }
}

function asFailure(error: unknown): unknown {
  const { name, message, code, path } = error as { name?: string; message?: string; code?: string; path?: string }
  if (name === 'WrongConfig') return new CommandFailure(EXIT.config, message ?? '')
  if (name === 'FolderInUse')
    return new CommandFailure(EXIT.unavailable, 'A daemon runs there. Stop it first: systemctl stop postern')
  if (name === 'BackupRefused') return new CommandFailure(EXIT.failed, `${message}.`)
  if (code === 'EEXIST') return new CommandFailure(EXIT.failed, `${path} is there already: nothing is written over.`)
  if (code === 'EACCES' || code === 'EPERM') {
    return new CommandFailure(EXIT.noPermission, `${message}. Run it as the daemon's user: sudo -u postern postern …`)
  }
  if (code?.startsWith('SQLITE_') || name === 'DatabaseRefused') {
    return new CommandFailure(EXIT.failed, `The database cannot be read: ${message}. See: postern spool check`)
  }
  return code === undefined ? error : new CommandFailure(EXIT.failed, `${message}.`)
}

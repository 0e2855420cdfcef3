import { Command } from 'commander'
import type { ApiReload } from '../api.ts'
import { EXIT } from '../exit.ts'
import { type DaemonOptions, withDaemonOptions } from '../options.ts'
import { openSession } from '../session.ts'

export function reloadCommand(): Command {
  const command = new Command('reload').description('have the daemon read its configuration again, and say how it went')
  return withDaemonOptions(command)
    .addHelpText(
      'after',
      '\nLike SIGHUP, with an answer: exits 78 if the configuration is wrong and the old one goes on.',
    )
    .action(reload)
}

async function reload(options: DaemonOptions): Promise<void> {
  const { api, terminal, json, by } = openSession(options)
  const result = await api.post<ApiReload>('/v1/reload', { by })
  if (json) terminal.json(result)
  else if (result.ok) terminal.print('The new configuration is in force.')
  else for (const problem of [...result.problems, 'The old configuration goes on.']) terminal.hint(problem)
  if (!result.ok) process.exitCode = EXIT.config
}

import { resolve } from 'node:path'
import { Command } from 'commander'
import { EXIT } from '../../exit.ts'
import { processTerminal } from '../../terminal.ts'
import { counted } from '../../text/size.ts'
import { queueIds } from './ids.ts'
import { onState, type StateOptions, stateRequest, withStateOptions } from './state.ts'

export function exportCommand(): Command {
  const command = new Command('export')
    .description('write messages to files, from which another server can send them')
    .argument('<folder>', 'made if missing, for its owner only')
    .argument('[id...]', 'queue ids; left out, every message, those set aside included')
  return withStateOptions(command).addHelpText('after', HELP).action(write)
}

const HELP = `
Each message becomes ID.eml, with the trace field, and ID.json with its envelope: sender, recipients that
still wait, what was found to be damaged. The queue stays as it is: hold or remove there what another server
sends, or it goes out twice. What is in the folder already is not written over: give a new one. Exits 66
if an id is not there.`

async function write(folder: string, ids: readonly string[], options: StateOptions): Promise<void> {
  const terminal = processTerminal()
  const rescue = await import('../../../daemon/spool-rescue.ts')
  const wanted = ids.length === 0 ? null : queueIds(ids)
  const done = onState(() => rescue.exportMessages(stateRequest(options), resolve(folder), wanted))
  process.exitCode = done.missing.length === 0 ? EXIT.ok : EXIT.notFound
  if (options.json === true) return terminal.json(done)
  terminal.print(`${counted(done.messages, 'message')} written to ${folder}.`)
  for (const id of done.damaged) terminal.print(`${id} is not as it was stored: look at it before you send it.`)
  for (const id of done.missing) terminal.print(`${id} is not there, or its content is lost.`)
}

import { Command } from 'commander'
import { systemClock } from '../../../clock.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { operatorName } from '../../operator.ts'
import { processTerminal } from '../../terminal.ts'
import { queueIds } from './ids.ts'
import { onState, type StateOptions, stateRequest, withStateOptions } from './state.ts'

interface ReturnOptions extends StateOptions {
  readonly all?: boolean
  readonly asItIs?: boolean
}

export function returnCommand(): Command {
  const command = new Command('return')
    .description('put messages that were set aside as damaged back into the queue')
    .argument('[id...]', 'queue ids')
    .option('--all', 'all of them')
    .option('--as-it-is', 'also what is still not as it was stored: you have looked at it, and it may be sent')
  return withStateOptions(command).addHelpText('after', HELP).action(bringBack)
}

const HELP = `
The daemon must be stopped. A message goes back when it is as it was stored, such as after its content file
was brought back from a backup. Look at others first: postern spool export FOLDER ID. Exits 0 if all that was
asked for is back, 1 if something stays.`

async function bringBack(ids: readonly string[], options: ReturnOptions): Promise<void> {
  if ((ids.length === 0) !== (options.all === true)) throw new CommandFailure(EXIT.usage, 'Name queue ids, or --all.')
  const wanted = options.all === true ? null : queueIds(ids)
  const terminal = processTerminal()
  const rescue = await import('../../../daemon/spool-rescue.ts')
  const returned = onState(() =>
    rescue.bringBack(stateRequest(options), {
      ids: wanted,
      asItIs: options.asItIs === true,
      by: operatorName(),
      now: systemClock.now(),
    }),
  )
  process.exitCode = returned.every(({ stays }) => stays === null) ? EXIT.ok : EXIT.failed
  if (options.json === true) return terminal.json({ messages: returned })
  for (const { queueId, stays } of returned) {
    terminal.print(stays === null ? `${queueId} is in the queue again.` : `${queueId} stays set aside: ${stays}`)
  }
}

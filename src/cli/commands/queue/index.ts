import { Command } from 'commander'
import { holdCommand, releaseCommand, removeCommand, rerouteCommand, retryCommand } from './actions.ts'
import { listCommand } from './list.ts'
import { showCommand } from './show.ts'

export function queueCommand(): Command {
  const queue = new Command('queue')
    .alias('q')
    .description('look at what waits, and act on it')
    .addHelpText('after', STATES)
  const actions = [retryCommand(), holdCommand(), releaseCommand(), rerouteCommand(), removeCommand()]
  for (const command of [listCommand(), showCommand(), ...actions]) queue.addCommand(command)
  return queue
}

const STATES = `
A recipient is pending (waits for its next attempt), leased (is being attempted now) or held
(waits for a person, until a deadline). What has left the queue is found by: postern trace`

import { Command } from 'commander'
import { verifyCommand } from './verify.ts'

export function ledgerCommand(): Command {
  return new Command('ledger').description('the record of what happened to each message').addCommand(verifyCommand())
}

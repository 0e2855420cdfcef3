import type { Command } from 'commander'
import type { ApiFilter, ApiState } from './api.ts'
import { choice, span } from './options.ts'

/** What `--in-state`, `--domain` and the other filters gave. */
export interface FilterOptions {
  readonly inState?: ApiState
  readonly domain?: string
  readonly destination?: string
  readonly client?: string
  readonly sender?: string
  readonly recipient?: string
  /** Milliseconds. */
  readonly older?: number
  readonly newer?: number
}

/** Adds the filters of the queue to a command. */
export function withFilters(command: Command): Command {
  return command
    .addOption(choice('-s, --in-state <state>', 'recipients in this state', ['pending', 'leased', 'held']))
    .option('-d, --domain <domain>', 'recipients in this domain')
    .option('--destination <name>', 'recipients that wait for this destination')
    .option('--client <name>', "messages from this client ('*' is the outside world, postern our own notices)")
    .option('--sender <address>', "messages from this envelope sender ('<>' for bounces)")
    .option('--recipient <address>', 'this recipient')
    .option('--older <span>', 'received longer ago than this, such as 2h or 3d', span)
    .option('--newer <span>', 'received within this, such as 30m', span)
}

/** The filter for the API; `queueIds` as given on the command line. */
export function apiFilter(options: FilterOptions, queueIds: readonly string[], now: number): ApiFilter {
  const { inState, domain, destination, client, sender, recipient, older, newer } = options
  return {
    ...(queueIds.length > 0 && { queueIds }),
    ...(inState !== undefined && { state: inState }),
    ...(domain !== undefined && { domain }),
    ...(destination !== undefined && { destination }),
    ...(client !== undefined && { client }),
    ...(sender !== undefined && { sender }),
    ...(recipient !== undefined && { recipient }),
    ...(older !== undefined && { receivedBefore: new Date(now - older).toISOString() }),
    ...(newer !== undefined && { receivedAfter: new Date(now - newer).toISOString() }),
  }
}

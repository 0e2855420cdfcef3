import { systemClock } from '../clock.ts'
import { type AdminClient, adminClient } from './client.ts'
import { operatorName } from './operator.ts'
import type { DaemonOptions } from './options.ts'
import { findSocket } from './socket.ts'
import { processTerminal, type Terminal } from './terminal.ts'

/** What a command works with. */
export interface Session {
  readonly api: AdminClient
  readonly terminal: Terminal
  /** Print JSON rather than tables. */
  readonly json: boolean
  /** Milliseconds since 1970 when the command began: every age that it shows counts to this. */
  readonly now: number
  /** Who runs it. */
  readonly by: string
}

/** The session of this process with the daemon that the options name. Nothing is sent yet. */
export function openSession(options: DaemonOptions): Session {
  return {
    api: adminClient(findSocket(options)),
    terminal: processTerminal(),
    json: options.json === true,
    now: systemClock.now(),
    by: operatorName(),
  }
}

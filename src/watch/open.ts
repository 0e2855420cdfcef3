import type { Alarms } from '../alarms.ts'
import { AlarmBoard, type BoardSeams } from './board.ts'
import { type Cause, CauseCounts } from './causes.ts'
import type { StandingAlarm } from './contract.ts'
import { OperatorMail, type SendLetter } from './mailer.ts'
import { AlarmMemory } from './memory.ts'
import type { WatchOptions } from './options.ts'
import { Watchdog, type WatchdogPorts } from './watchdog.ts'

/** The room of alarms. */
export interface Watch {
  /** For every room that has something that operators must hear. Counts from the opening on. */
  readonly alarms: Alarms
  /** One message was held or deferred. Cheap, and never throws. */
  met(cause: Cause): void
  /** What stands now, the oldest first. */
  standing(): readonly StandingAlarm[]
  /** Begins to look at the queue, and to tell operators by mail. */
  start(ports: WatchdogPorts, send: SendLetter): void
  /** Looks now rather than at its time. Never rejects. */
  look(): Promise<void>
  update(options: WatchOptions): void
  /** What stands is on disk then. Alarms may be raised on; nobody hears of them before the next start. */
  close(): Promise<void>
}

/** Opens the room. `path`: the file in which alarms outlive a restart. Rejects never: without that file alarms are told anew. */
export async function openWatch(path: string, options: WatchOptions, seams: BoardSeams): Promise<Watch> {
  const memory = new AlarmMemory(path, seams.log)
  const board = new AlarmBoard(memory, await memory.read(), seams)
  const causes = new CauseCounts(options.surge, seams.clock)
  const mail = new OperatorMail(options, board, seams)
  let current = options
  let watchdog: Watchdog | null = null
  return {
    alarms: board,
    met: (cause) => causes.met(cause),
    standing: () => board.standing(),
    start(ports, send) {
      watchdog = new Watchdog(current, ports, { board, causes, ...seams })
      mail.start(send)
    },
    look: async () => watchdog?.look(),
    update(next) {
      current = next
      causes.update(next.surge)
      mail.update(next)
      watchdog?.update(next)
    },
    async close() {
      await watchdog?.stop()
      await mail.close()
      await board.close()
    },
  }
}

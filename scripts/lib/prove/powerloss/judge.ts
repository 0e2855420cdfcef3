import { Daemon } from '../../../../test/support/daemon.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import { Account } from '../crash/account.ts'
import { damaged, recordProblems } from '../crash/record.ts'
import { withinScope } from '../scope.ts'
import { type Recording, scratchFolder } from './recorder.ts'

/** What clients and next hop knew when the power failed. */
export interface Known {
  /** Acknowledged, as the clients know them. */
  readonly acknowledged: ReadonlySet<string>
  /** Taken by the next hop, or given back to the sender, as the daemon had read. */
  readonly taken: ReadonlySet<string>
}

export interface Judgement {
  readonly acknowledged: number
  /** Of those, what the next hop had before the power failed. */
  readonly before: number
  /** Delivered or bounced after the start. */
  readonly after: number
  readonly lost: readonly string[]
  readonly twice: number
  /** What else was wrong, a line each. */
  readonly problems: readonly string[]
}

const PATIENCE_MS = 40_000

/** Starts the real daemon on what a power loss left, and calls it to account. `fill` writes the folder. */
export function judge(
  recording: Recording,
  { acknowledged, taken }: Known,
  fill: (folder: string) => void,
): Promise<Judgement> {
  return withinScope(async (scope) => {
    const folder = scratchFolder(scope)
    fill(folder)
    const account = new Account()
    account.isFull = false
    await account.listen(scope)
    const daemon = new Daemon(folder, recording.config(await freePort(), account.port))
    scope.after(() => daemon.stop(0))
    const expected = [...acknowledged].filter((id) => !taken.has(id))
    const problems: string[] = []
    const failed = await daemon.start().then(
      () => null,
      (error: unknown) => String(error),
    )
    if (failed === null) {
      await settled(daemon, account, expected)
      problems.push(...(await recordProblems(daemon)))
    } else problems.push(failed)
    if (damaged(daemon) > 0) problems.push(`${damaged(daemon)} messages were set aside as damaged`)
    if (account.altered.length > 0) problems.push(`altered: ${account.altered.slice(0, 3).join(', ')}`)
    if (account.wronglyBounced.length > 0) problems.push(`bounced: ${account.wronglyBounced.slice(0, 3).join(', ')}`)
    const lost = account.missing(expected)
    return {
      acknowledged: acknowledged.size,
      before: acknowledged.size - expected.length,
      after: expected.length - lost.length,
      lost,
      twice: [...taken].filter((id) => account.has(id)).length,
      problems,
    }
  })
}

/** Until all that is expected has come, or nothing is left that could. */
async function settled(daemon: Daemon, account: Account, expected: readonly string[]): Promise<void> {
  const isOver = async () => account.missing(expected).length === 0 || (await daemon.queue()).length === 0
  await waitFor(isOver, { what: 'every outcome', timeoutMs: PATIENCE_MS, everyMs: 50 }).catch(() => {})
}

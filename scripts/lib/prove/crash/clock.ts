import { join } from 'node:path'
import { relayConfig } from '../../../../test/support/config.ts'
import { Daemon } from '../../../../test/support/daemon.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { defer } from '../../../../test/support/scope.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import type { Proof, Prover } from '../part.ts'
import { compileRecorder } from '../powerloss/recorder.ts'
import { Account } from './account.ts'
import { ClockOffset } from './clock-offset.ts'
import { kindOf, usualKind } from './mail.ts'
import { recordProblems } from './record.ts'
import { Senders } from './senders.ts'

const MINUTE = 60_000
const DAY = 86_400_000

interface Jump {
  readonly byMs: number
  /** While the daemon is stopped, rather than under load. */
  readonly stopped?: true
}

/** Forward by less than a message lives, so that nothing may come back for its age. */
const LONG: readonly Jump[] = [
  { byMs: 5 * MINUTE },
  { byMs: -5 * MINUTE },
  { byMs: DAY },
  { byMs: -DAY },
  { byMs: 4 * DAY },
  { byMs: -4 * DAY },
  { byMs: -3 * DAY },
  { byMs: 3 * DAY },
  { byMs: DAY, stopped: true },
  { byMs: -DAY, stopped: true },
  { byMs: -5 * MINUTE, stopped: true },
  { byMs: 5 * MINUTE, stopped: true },
]
const SHORT: readonly Jump[] = [
  { byMs: 5 * MINUTE },
  { byMs: -5 * MINUTE },
  { byMs: 3 * DAY },
  { byMs: -3 * DAY },
  { byMs: DAY, stopped: true },
  { byMs: -DAY, stopped: true },
]

/** Everything that waits must have been tried again so soon, by a clock that nobody sets; its schedule says a second. */
const SOON_MS = 20_000

interface Seen {
  readonly jump: Jump
  readonly waited: number
  readonly triedAgain: number
  readonly seconds: number
}

/** The machine's clock is set, forward and back, while mail flows and some of it waits. */
export async function proveClock(prover: Prover): Promise<Proof> {
  const library = await compileRecorder(prover)
  const account = new Account()
  await account.listen(prover)
  const port = await freePort()
  const folder = temporaryFolder(prover)
  const offset = new ClockOffset(join(folder, 'clock'))
  const env = { LD_PRELOAD: library, CLOCK_OFFSET: offset.file }
  const daemon = new Daemon(folder, relayConfig({ port, nextHop: account.port }))
  defer(prover, () => daemon.stop())
  await daemon.start(env)
  const kind = (n: number) => (n % 10 === 7 ? 'stuck' : usualKind(n))
  const senders = new Senders({ port, run: 'c', sessions: 4, kind, pauseMs: 200 })
  defer(prover, () => senders.stop())
  const seen: Seen[] = []
  for (const jump of prover.short ? SHORT : LONG) {
    if (prover.isOver()) break
    await waitFor(() => waitingIn(senders).length > seen.length + 2, { what: 'messages that wait' })
    if (jump.stopped) await daemon.stop()
    offset.add(jump.byMs)
    if (jump.stopped) await daemon.start(env)
    seen.push(await observe(jump, senders, account))
    prover.say(`the clock went ${words(jump)}: ${seen.at(-1)?.triedAgain} of ${seen.at(-1)?.waited} tried again`)
  }
  await senders.stop()
  account.isFull = false
  const isOver = async () => (await daemon.queue()).length === 0
  const drained = await waitFor(isOver, { what: 'an empty queue', timeoutMs: 60_000, everyMs: 200 }).catch(() => false)
  const problems = [...(await recordProblems(daemon)), ...(drained ? [] : ['the queue did not drain'])]
  return proofOf(seen, account, new Set(senders.acknowledged.values()), problems)
}

const waitingIn = (senders: Senders): string[] =>
  [...senders.acknowledged.values()].filter((id) => kindOf(id) === 'stuck')

async function observe(jump: Jump, senders: Senders, account: Account): Promise<Seen> {
  const since = performance.now()
  const waited = waitingIn(senders)
  const again = () => waited.filter((id) => (account.tried.get(id) ?? 0) > since).length
  await waitFor(() => again() === waited.length, { what: 'a retry', timeoutMs: SOON_MS }).catch(() => {})
  return { jump, waited: waited.length, triedAgain: again(), seconds: (performance.now() - since) / 1000 }
}

function words({ byMs, stopped }: Jump): string {
  const [unit, name] = Math.abs(byMs) >= DAY ? [DAY, 'days'] : [MINUTE, 'minutes']
  return `${byMs > 0 ? 'forward' : 'back'} ${Math.abs(byMs) / unit} ${name}${stopped ? ' while it was stopped' : ''}`
}

function proofOf(
  seen: readonly Seen[],
  account: Account,
  ids: ReadonlySet<string>,
  problems: readonly string[],
): Proof {
  const { acknowledged, delivered, bounced, lost, twice } = account.tally(ids)
  const wrong = account.wronglyBounced.length
  return {
    tables: [
      {
        title: "The machine's clock was set while mail flowed and some of it waited",
        columns: ['jump', 'waited', 'tried again', 'seconds until then'],
        rows: seen.map(({ jump, waited, triedAgain, seconds }) => [words(jump), waited, triedAgain, seconds]),
      },
      {
        title: 'After all jumps',
        columns: ['jumps', 'acknowledged', 'delivered', 'bounced', 'lost', 'twice'],
        rows: [[seen.length, acknowledged, delivered, bounced, lost, twice]],
      },
    ],
    promises: [
      {
        text: 'No message is lost by a jump of the clock.',
        kept: lost === 0 && acknowledged > 0,
        detail: `${lost} lost`,
      },
      { text: 'None comes back before its time.', kept: wrong === 0, detail: `${wrong} did` },
      {
        text: `After every jump what waits is tried again within ${SOON_MS / 1000} s.`,
        kept: seen.every(({ waited, triedAgain }) => waited > 0 && waited === triedAgain),
      },
      {
        text: 'Spool and ledger agree after the jumps, and the ledger verifies.',
        kept: problems.length === 0,
        detail: problems.slice(0, 3).join('; ') || 'verified',
      },
    ],
  }
}

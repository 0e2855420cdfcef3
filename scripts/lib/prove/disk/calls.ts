import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { adminClient } from '../../../../src/cli/client.ts'
import { relayConfig } from '../../../../test/support/config.ts'
import { Daemon } from '../../../../test/support/daemon.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import { Account } from '../crash/account.ts'
import { type Kind, messageId } from '../crash/mail.ts'
import { damaged, recordProblems } from '../crash/record.ts'
import { submit } from '../crash/senders.ts'
import type { Prover } from '../part.ts'
import { withinScope } from '../scope.ts'
import { FaultyDisk, type Mode, type Sort, sortOf } from './shim.ts'

/** Which calls fail: of the whole story, or of a start that finds mail in its queue. */
export interface Which {
  readonly mode: Mode
  readonly during: 'story' | 'start'
  /** Whether all fail from that call on for a while, or this one alone. */
  readonly length: 'one' | 'spell'
}

export type Counts = Readonly<Record<Sort, number>>

export interface CallsResult extends Which {
  /** Calls of that sort that the story makes. */
  readonly calls: number
  /** Of these, so many were made to fail, each in a run of its own. */
  readonly runs: number
  /** Runs in which the call was met. */
  readonly met: number
  readonly acknowledged: number
  readonly lost: number
  readonly twice: number
  readonly restarts: number
  /** What went wrong, with the call that failed. */
  readonly findings: readonly string[]
}

const ALL: readonly Kind[] = ['good', 'late', 'large', 'refused', 'stuck', 'good']
const WITHOUT_END = 2 ** 31
/** A disk that fails is well again so long after the first call that failed. */
const SPELL_MS = 300
const IDLE_MS = 700
const TRIES = 40
const BETWEEN_TRIES_MS = 100
const DRAIN_MS = 30_000
const LANES = 2
const SUMMED = ['met', 'acknowledged', 'lost', 'twice', 'restarts'] as const

/** How many calls of each sort the story makes, or the start; nothing fails. */
export function countCalls(shim: string, during: Which['during']): Promise<Counts> {
  return withinScope(async (scope) => {
    const stage = await Stage.open(scope, shim)
    if (during === 'start') await stage.queueUp()
    stage.disk.count()
    await stage.play(during)
    const [changes, syncs, reads] = [
      stage.disk.counted('changes'),
      stage.disk.counted('syncs'),
      stage.disk.counted('reads'),
    ]
    const { problems } = await stage.callToAccount()
    if (problems.length > 0) throw new Error(problems.join('\n'))
    return { changes, syncs, reads }
  })
}

/** Lets one call after the other fail, `runs` of them spread over all, and accounts for all mail each time. */
export async function failCalls(
  which: Which,
  {
    shim,
    counts,
    runs,
    prover,
  }: { shim: string; counts: Counts; runs: number; prover: Pick<Prover, 'say' | 'isOver'> },
): Promise<CallsResult> {
  const calls = counts[sortOf(which.mode)]
  const left = spread(calls, runs)
  const total = { runs: 0, met: 0, acknowledged: 0, lost: 0, twice: 0, restarts: 0 }
  const findings: string[] = []
  const lane = async () => {
    for (let call = left.shift(); call !== undefined && !prover.isOver(); call = left.shift()) {
      const outcome = await attempt(shim, which, call)
      total.runs++
      for (const key of SUMMED) total[key] += outcome[key]
      for (const problem of outcome.problems) {
        findings.push(`${which.mode}, ${which.length}, ${which.during}, call ${call}: ${problem}`)
        prover.say(`  ${findings.at(-1)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return { ...which, calls, ...total, findings }
}

/** So many numbers from 1 to `calls`, as far apart as can be. */
function spread(calls: number, runs: number): number[] {
  const some = Math.min(runs, calls)
  return Array.from({ length: some }, (_, i) => 1 + Math.floor(((i + 0.5) * calls) / some))
}

interface Outcome {
  readonly met: number
  readonly acknowledged: number
  readonly lost: number
  readonly twice: number
  readonly restarts: number
  readonly problems: readonly string[]
}

/** A story that could not be told to its end is a finding, too. */
const attempt = (shim: string, which: Which, call: number): Promise<Outcome> =>
  withinScope((scope) => oneRun(scope, shim, which, call)).catch((error: Error) => ({
    ...{ met: 0, acknowledged: 0, lost: 0, twice: 0, restarts: 0 },
    problems: [String(error.stack)],
  }))

async function oneRun(scope: Scope, shim: string, which: Which, from: number): Promise<Outcome> {
  const stage = await Stage.open(scope, shim)
  if (which.during === 'start') await stage.queueUp()
  stage.disk.failByNumber(which.mode, from, which.length === 'one' ? 1 : WITHOUT_END)
  const spell = new AbortController()
  const over = endSpell(stage.disk, spell.signal)
  await stage.play(which.during)
  spell.abort()
  await over
  stage.disk.well()
  const { failed, first } = stage.disk
  const outcome = await stage.callToAccount()
  const problems = outcome.problems.map((text) => `${first}: ${text}`)
  return { ...outcome, problems, met: failed > 0 ? 1 : 0 }
}

/** The disk is well a while after its first failure. */
async function endSpell(disk: FaultyDisk, signal: AbortSignal): Promise<void> {
  while (disk.failed === 0 && !signal.aborted) await sleep(20)
  for (let waited = 0; waited < SPELL_MS && !signal.aborted; waited += 20) await sleep(20)
  disk.well()
}

/** A daemon with an empty folder, whose disk can be made to fail, and the next hop that takes its mail. */
class Stage {
  readonly disk: FaultyDisk
  readonly #daemon: Daemon
  readonly #account: Account
  readonly #port: number
  readonly #acknowledged = new Set<string>()
  #restarts = 0
  #tries = 0

  static async open(scope: Scope, shim: string): Promise<Stage> {
    const account = new Account()
    await account.listen(scope)
    const port = await freePort()
    const daemon = new Daemon(temporaryFolder(scope, 'calls'), relayConfig({ port, nextHop: account.port }))
    defer(scope, () => daemon.stop())
    return new Stage(daemon, account, port, shim)
  }

  private constructor(daemon: Daemon, account: Account, port: number, shim: string) {
    this.#daemon = daemon
    this.#account = account
    this.#port = port
    this.disk = new FaultyDisk(shim, join(daemon.folder, 'control'), daemon.stateDir)
  }

  play(during: Which['during']): Promise<void> {
    return during === 'start' ? this.start() : this.story()
  }

  /** A start, mail of all kinds, an operator's actions, quiet enough for a checkpoint, and an end. */
  async story(): Promise<void> {
    await this.start()
    for (const kind of ALL) await this.#submit(kind)
    await this.#act('hold')
    await this.#act('release')
    this.#account.isFull = false
    await this.#act('retry')
    await sleep(IDLE_MS)
    await this.#daemon.stop()
  }

  /** Ends with mail in the queue, as a crash leaves it. */
  async queueUp(): Promise<void> {
    this.#daemon.write(relayConfig({ port: this.#port, nextHop: await freePort() }))
    await this.start()
    for (const kind of ALL) await this.#submit(kind)
    await this.#daemon.kill9()
    this.#daemon.write(relayConfig({ port: this.#port, nextHop: this.#account.port }))
  }

  /** As a service manager would: again and again until it runs. */
  async start(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#daemon.start(this.disk.env)
        return
      } catch (error) {
        if (tries === TRIES || this.#daemon.alive) throw error
        await this.#daemon.stop()
        await sleep(BETWEEN_TRIES_MS)
      }
    }
  }

  async callToAccount() {
    this.#account.isFull = false
    await this.#daemon.stop()
    await this.#daemon.start()
    const isOver = async () =>
      (await this.#daemon.queue()).length === 0 && this.#account.missing(this.#acknowledged).length === 0
    const problems: string[] = []
    await waitFor(isOver, { what: 'an empty queue', timeoutMs: DRAIN_MS, everyMs: 50 }).catch((error: Error) =>
      problems.push(error.message),
    )
    const { acknowledged, lost, twice } = this.#account.tally(this.#acknowledged)
    if (lost > 0) problems.push(`lost ${this.#account.missing(this.#acknowledged)}`)
    if (this.#account.altered.length > 0) problems.push(`altered ${this.#account.altered}`)
    if (this.#account.wronglyBounced.length > 0) problems.push(`bounced ${this.#account.wronglyBounced}`)
    if (damaged(this.#daemon) > 0) problems.push('messages were set aside as damaged')
    problems.push(...(await recordProblems(this.#daemon)))
    if (problems.length > 0) problems.push(this.#daemon.log.slice(-4000))
    return { problems, acknowledged, lost, twice, restarts: this.#restarts }
  }

  /** As a client would that does not give up. */
  async #submit(kind: Kind): Promise<void> {
    await this.#again(async () => {
      // Another id each time: what was not acknowledged may have been stored all the same
      const id = messageId('c', ++this.#tries, kind)
      await submit(this.#port, id)
      this.#acknowledged.add(id)
    })
  }

  async #act(action: 'hold' | 'release' | 'retry'): Promise<void> {
    const hold = { reason: 'proof', until: new Date(Date.now() + 3_600_000).toISOString(), afterwards: 'release' }
    const body = { action, filter: {}, all: true, by: 'proof', ...(action === 'hold' && { hold }) }
    await this.#again(() => adminClient(join(this.#daemon.stateDir, 'admin.sock')).post('/v1/queue/actions', body))
  }

  async #again(work: () => Promise<unknown>): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await work()
        return
      } catch (error) {
        if (tries === TRIES) throw new Error(`refused for ever: ${error}\n${this.#daemon.log.slice(-4000)}`)
      }
      await sleep(BETWEEN_TRIES_MS)
      if (this.#daemon.alive) continue
      this.#restarts++
      await this.#daemon.stop()
      await this.start()
    }
  }
}

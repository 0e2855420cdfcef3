import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { relayConfig } from '../../../../test/support/config.ts'
import { Daemon } from '../../../../test/support/daemon.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import type { Proof, Prover } from '../part.ts'
import { type Random, randomOf } from '../random.ts'
import { withinScope } from '../scope.ts'
import { Account, type Tally } from './account.ts'
import { damaged, recordProblems } from './record.ts'
import { Senders } from './senders.ts'

const HOOK = `--import=${fileURLToPath(new URL('../../../../test/support/crash-hook.ts', import.meta.url))}`

const OPERATIONS = ['put', 'lease', 'settle', 'tick'] as const
const MOMENTS = ['commit.before', 'commit.after', 'reply.before'] as const
/** In the transaction after the operation, and around the commit that holds it; the ledger's own commits. */
const POINTS: readonly string[] = [
  ...OPERATIONS.flatMap((operation) => [operation, ...MOMENTS.map((moment) => `${operation}>${moment}`)]),
  ...MOMENTS,
  'ledger.commit.before',
  'ledger.commit.after',
]

/** How the daemon was ended: at a named point, at any moment of its start, or at any moment under load. */
type How = 'point' | 'start' | 'load'

/** Kills of one folder; then it is called to account, and the next one begins with an empty folder. */
const PER_FOLDER = 40
const LANES = 2
/** A point that is not reached in this time, on a busy machine, becomes a kill under load. */
const PATIENCE_MS = 4000
const RESTARTS_PER_LOG = 20

interface Sum {
  kills: number
  tally: Tally
  readonly byHow: Record<How, number>
  readonly points: Map<string, number>
  readonly problems: string[]
  altered: number
  wronglyBounced: number
}

/** SIGKILL at named points and at random, `kills` times in all. */
export async function proveKills(prover: Prover): Promise<Proof> {
  const wanted = prover.amount('kills')
  const sum: Sum = {
    kills: 0,
    tally: { acknowledged: 0, delivered: 0, bounced: 0, lost: 0, twice: 0 },
    byHow: { point: 0, start: 0, load: 0 },
    points: new Map(),
    problems: [],
    altered: 0,
    wronglyBounced: 0,
  }
  let begun = 0
  const lane = async (number: number) => {
    const random = randomOf(prover.seed + number)
    while (begun < wanted) {
      const kills = Math.min(PER_FOLDER, Math.ceil(wanted / LANES), wanted - begun)
      begun += kills
      const run = `${number}k${begun}`
      // What it leaves is removed before the next one: thousands of kills would fill a disk
      await withinScope((scope) => new Folder(scope, random, sum, run).run(kills))
      prover.say(`${sum.kills} kills, ${sum.tally.acknowledged} acknowledged, ${sum.tally.lost} lost`)
    }
  }
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)))
  return proofOf(sum)
}

/** A state folder that lives through many deaths of its daemon. */
class Folder {
  readonly #scope: Scope
  readonly #random: Random
  readonly #sum: Sum
  readonly #run: string
  readonly #account = new Account()

  constructor(scope: Scope, random: Random, sum: Sum, run: string) {
    this.#scope = scope
    this.#random = random
    this.#sum = sum
    this.#run = run
  }

  async run(kills: number): Promise<void> {
    await this.#account.listen(this.#scope)
    const port = await freePort()
    const folder = temporaryFolder(this.#scope)
    const config = relayConfig({ port, nextHop: this.#account.port })
    let daemon = new Daemon(folder, config)
    defer(this.#scope, () => daemon.stop())
    const senders = new Senders({ port, run: this.#run, sessions: 6 })
    defer(this.#scope, () => senders.stop())
    for (let n = 1; n <= kills; n++) {
      await this.#live(daemon)
      this.#sum.kills++
      // Its log is kept in memory
      if (n % RESTARTS_PER_LOG === 0) daemon = this.#fresh(daemon, folder, config)
    }
    await this.#callToAccount(daemon, senders)
  }

  #fresh(old: Daemon, ...made: ConstructorParameters<typeof Daemon>): Daemon {
    this.#noteDamage(old)
    return new Daemon(...made)
  }

  async #live(daemon: Daemon): Promise<void> {
    const how = this.#random.pick<How>(['point', 'point', 'point', 'start', 'load', 'load'])
    this.#sum.byHow[how]++
    if (how === 'point') await this.#untilPoint(daemon, this.#random.pick(POINTS))
    else if (how === 'start') await this.#duringStart(daemon, this.#random.below(1200))
    else await this.#underLoad(daemon, this.#random.below(1500))
  }

  async #untilPoint(daemon: Daemon, point: string): Promise<void> {
    const nth = 1 + this.#random.below(point.startsWith('tick') ? 2 : 25)
    await daemon.start({ NODE_OPTIONS: HOOK, POSTERN_TEST_CRASH: `${point}:${nth}` }).catch(dead(daemon))
    const died = () => waitFor(() => !daemon.alive, { what: 'the kill', timeoutMs: PATIENCE_MS })
    const reached = await died().then(
      () => true,
      () => false,
    )
    if (reached) this.#sum.points.set(point, (this.#sum.points.get(point) ?? 0) + 1)
    await daemon.kill9()
  }

  async #duringStart(daemon: Daemon, afterMs: number): Promise<void> {
    const started = daemon.start().catch(() => {})
    await sleep(afterMs)
    await daemon.kill9()
    await started
  }

  async #underLoad(daemon: Daemon, afterMs: number): Promise<void> {
    await daemon.start()
    await sleep(afterMs)
    await daemon.kill9()
  }

  async #callToAccount(daemon: Daemon, senders: Senders): Promise<void> {
    await daemon.start()
    await senders.stop()
    const acknowledged = new Set(senders.acknowledged.values())
    const isOver = async () => (await daemon.queue()).length === 0
    await waitFor(isOver, { what: 'an empty queue', timeoutMs: 120_000, everyMs: 100 }).catch((error: unknown) =>
      this.#sum.problems.push(String(error)),
    )
    this.#add(this.#account.tally(acknowledged))
    this.#sum.problems.push(...(await recordProblems(daemon)))
    this.#noteDamage(daemon)
    await daemon.stop()
    await this.#account.close()
  }

  #noteDamage(daemon: Daemon): void {
    const count = damaged(daemon)
    if (count > 0) this.#sum.problems.push(`${count} messages were set aside as damaged`)
  }

  #add(tally: Tally): void {
    const before = this.#sum.tally
    this.#sum.tally = {
      acknowledged: before.acknowledged + tally.acknowledged,
      delivered: before.delivered + tally.delivered,
      bounced: before.bounced + tally.bounced,
      lost: before.lost + tally.lost,
      twice: before.twice + tally.twice,
    }
    this.#sum.altered += this.#account.altered.length
    this.#sum.wronglyBounced += this.#account.wronglyBounced.length
  }
}

/** A start that was ended by the hook is what was wanted; any other failure is not. */
const dead = (daemon: Daemon) => (error: unknown) => {
  if (daemon.alive) throw error
}

function proofOf({ kills, tally, byHow, points, problems, altered, wronglyBounced }: Sum): Proof {
  const { acknowledged, delivered, bounced, lost, twice } = tally
  return {
    tables: [
      {
        title: 'Killed (SIGKILL) under load, started again, called to account',
        columns: ['kills', 'acknowledged', 'delivered', 'bounced', 'lost', 'twice'],
        rows: [[kills, acknowledged, delivered, bounced, lost, twice]],
      },
      {
        title: 'Where the kills came',
        columns: ['where', 'kills'],
        rows: [
          ['while it started', byHow.start],
          ['at a random moment under load', byHow.load],
          ['at a point that was not reached in time: under load', byHow.point - sumOf(points)],
          ...[...points].sort().map(([point, count]): [string, number] => [point, count]),
        ],
      },
    ],
    promises: [
      {
        text: 'No acknowledged message is lost by a kill.',
        kept: lost === 0 && acknowledged > 0,
        detail: `${lost} lost`,
      },
      { text: 'None arrives altered.', kept: altered === 0, detail: `${altered} altered` },
      { text: 'Only what was refused comes back.', kept: wronglyBounced === 0, detail: `${wronglyBounced} others` },
      {
        text: 'After every kill the spool is whole, the ledger verifies, and both agree.',
        kept: problems.length === 0,
        detail: problems.slice(0, 3).join('; ') || 'verified',
      },
    ],
  }
}

const sumOf = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((sum, n) => sum + n, 0)

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { relayConfig } from '../../../../test/support/config.ts'
import { Daemon } from '../../../../test/support/daemon.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import type { Random } from '../random.ts'
import { Account, type Tally } from './account.ts'
import { ClockOffset } from './clock-offset.ts'
import { AWAY_DOMAIN, kindOf, SLOW_DOMAIN, waitingKind } from './mail.ts'
import { Operator } from './operator.ts'
import type { Coverage } from './points.ts'
import { damaged, recordProblems } from './record.ts'
import { Senders } from './senders.ts'

const HOOK = `--import=${fileURLToPath(new URL('../../../../test/support/crash-hook.ts', import.meta.url))}`

/** How the daemon was ended: at a named point, at any moment of its start, or at any moment under load. */
export type How = 'point' | 'start' | 'load'

/** Of the kills of a folder, the last ones come when nothing arrives any more, and what is left has grown too old. */
const OF_AGE = 0.3
const HOUR_MS = 3_600_000
/** Between two lives of the daemon the clock goes on by up to so much, and back by less in the middle of one. */
const ON_MS = 6000
const BACK_MS = 2500
/** A point that is not reached in this time, on a busy machine, becomes a kill under load. */
const PATIENCE_MS = 4000
const DRAIN_MS = 120_000
const RESTARTS_PER_LOG = 20

/** What came of all kills. */
export interface Sum {
  kills: number
  tally: Tally
  readonly byHow: Record<How, number>
  readonly points: Coverage
  readonly problems: string[]
  altered: number
  wronglyBounced: number
  /** Senders that were told of a delay. */
  delayed: number
  /** What operators did. */
  acts: number
  revived: number
}

interface FolderOptions {
  readonly scope: Scope
  readonly random: Random
  readonly sum: Sum
  readonly run: string
  /** The recorder, for the clock. */
  readonly library: string
  readonly isOver: () => boolean
}

/** A state folder that lives through many deaths of its daemon. */
export class Folder {
  readonly #options: FolderOptions
  readonly #random: Random
  readonly #sum: Sum
  readonly #account = new Account()
  readonly #path: string
  readonly #clock: ClockOffset
  #age: 'any' | 'old' = 'any'
  #awayPort = 0

  constructor(options: FolderOptions) {
    this.#options = options
    this.#random = options.random
    this.#sum = options.sum
    this.#path = temporaryFolder(options.scope)
    this.#clock = new ClockOffset(join(this.#path, 'clock'))
  }

  async run(kills: number): Promise<void> {
    const { scope, run, isOver } = this.#options
    await this.#account.listen(scope)
    const { awayPort, slowPort } = await this.#account.listenApart(scope)
    this.#awayPort = awayPort
    const port = await freePort()
    const config = this.#config(port, slowPort)
    let daemon = new Daemon(this.#path, config)
    defer(scope, () => daemon.stop())
    const senders = new Senders({ port, run, sessions: 6, kind: waitingKind })
    defer(scope, () => senders.stop())
    const operator = this.#operator(daemon, senders, slowPort)
    defer(scope, () => operator.stop())
    const young = Math.ceil(kills * (1 - OF_AGE))
    for (let n = 1; n <= kills && !isOver(); n++) {
      if (n === young + 1) await this.#growOld(daemon, senders)
      await this.#live(daemon)
      this.#sum.kills++
      // Its log is kept in memory
      if (n % RESTARTS_PER_LOG === 0) daemon = this.#fresh(daemon, this.#path, config)
    }
    await operator.stop()
    this.#sum.acts += operator.done
    await this.#callToAccount(daemon, senders)
  }

  #config(port: number, slowPort: number) {
    const route = (nextHop: number) => ({ hosts: [`127.0.0.1:${nextHop}`] })
    const domains = { [AWAY_DOMAIN]: route(this.#awayPort), [SLOW_DOMAIN]: route(slowPort) }
    const waits = { schedule: ['1s'], backOff: ['1s'], jitter: '0%' }
    // What an operator released must grow too old in the hour, too
    const queue = { ...waits, lifetime: '1h', bounceLifetime: '1h', afterRelease: '1m', delayNotice: '1m' }
    const nextHop = this.#account.port
    return relayConfig({ port, nextHop, more: { queue, routes: { default: route(nextHop), domains } } })
  }

  #operator({ stateDir }: Daemon, senders: Senders, slowPort: number): Operator {
    return new Operator({
      socket: join(stateDir, 'admin.sock'),
      senders,
      account: this.#account,
      random: this.#random,
      now: () => this.#clock.now,
      elsewhere: () => `[127.0.0.1]:${slowPort}`,
    })
  }

  #fresh(old: Daemon, ...made: ConstructorParameters<typeof Daemon>): Daemon {
    this.#noteDamage(old)
    return new Daemon(...made)
  }

  #env(crash = ''): NodeJS.ProcessEnv {
    const clock = { LD_PRELOAD: this.#options.library, CLOCK_OFFSET: this.#clock.file }
    return { ...clock, NODE_OPTIONS: HOOK, POSTERN_TEST_HURRY: '1', POSTERN_TEST_CRASH: crash }
  }

  /** Nothing comes any more; what can be delivered is, and the rest grows older than mail may be. */
  async #growOld(daemon: Daemon, senders: Senders): Promise<void> {
    await daemon.start(this.#env())
    await senders.stop()
    await this.#account.turn(this.#awayPort, 'on')
    const young = () => this.#account.missing(senders.acknowledged.values()).filter((id) => kindOf(id) !== 'old')
    await waitFor(() => young().length === 0, {
      ...{ what: 'what can be delivered', timeoutMs: DRAIN_MS, everyMs: 100 },
      detail: () => `${young().length} left, such as ${young().slice(0, 5).join(', ')}`,
    }).catch((error: unknown) => this.#sum.problems.push(String(error)))
    await daemon.kill9()
    this.#clock.add(HOUR_MS)
    this.#age = 'old'
  }

  async #live(daemon: Daemon): Promise<void> {
    const how = this.#random.pick<How>(['point', 'point', 'point', 'point', 'start', 'load'])
    this.#sum.byHow[how]++
    this.#clock.add(BACK_MS + this.#random.below(ON_MS))
    await this.#account.turn(this.#awayPort, this.#random.chance(0.5) ? 'on' : 'off')
    if (how === 'point') await this.#untilPoint(daemon)
    else if (how === 'start') await this.#duringStart(daemon, this.#random.below(1200))
    else await this.#underLoad(daemon, this.#random.below(1500))
  }

  async #untilPoint(daemon: Daemon): Promise<void> {
    const { point, nth } = this.#sum.points.next(this.#random, this.#age)
    await daemon.start(this.#env(`${point}:${nth}`)).catch(dead(daemon))
    const stir = this.#stir(daemon)
    const died = () => waitFor(() => !daemon.alive, { what: 'the kill', timeoutMs: PATIENCE_MS })
    const reached = await died().then(
      () => true,
      () => false,
    )
    if (reached) this.#sum.points.wasReached(point)
    await daemon.kill9()
    await stir
  }

  /** In the middle of a life: the clock is set back, and the next hop that was away is back, or the other way round. */
  async #stir(daemon: Daemon): Promise<void> {
    for (let n = 0; n < 2 && daemon.alive; n++) {
      await sleep(600)
      if (n === 0) this.#clock.add(-BACK_MS)
      await this.#account.turn(this.#awayPort, n === 0 ? 'off' : 'on')
    }
  }

  async #duringStart(daemon: Daemon, afterMs: number): Promise<void> {
    const started = daemon.start(this.#env()).catch(() => {})
    await sleep(afterMs)
    await daemon.kill9()
    await started
  }

  async #underLoad(daemon: Daemon, afterMs: number): Promise<void> {
    await daemon.start(this.#env())
    await sleep(afterMs)
    await daemon.kill9()
  }

  async #callToAccount(daemon: Daemon, senders: Senders): Promise<void> {
    if (this.#age === 'any') await this.#growOld(daemon, senders)
    await this.#account.turn(this.#awayPort, 'on')
    await daemon.start(this.#env())
    const acknowledged = new Set(senders.acknowledged.values())
    // Whatever a hold let go has the rest of its lifetime from then on: the hour must pass once more
    const isDecided = async () => (await daemon.status()).queue?.states.held === 0
    await waitFor(isDecided, { what: 'the end of all holds', timeoutMs: DRAIN_MS, everyMs: 100 }).catch(
      (error: unknown) => this.#sum.problems.push(String(error)),
    )
    this.#clock.add(HOUR_MS)
    const isOver = async () => (await daemon.queue()).length === 0
    await waitFor(isOver, { what: 'an empty queue', timeoutMs: DRAIN_MS, everyMs: 100 }).catch((error: unknown) =>
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
      removed: before.removed + tally.removed,
      lost: before.lost + tally.lost,
      twice: before.twice + tally.twice,
    }
    this.#sum.altered += this.#account.altered.length
    this.#sum.wronglyBounced += this.#account.wronglyBounced.length
    this.#sum.delayed += this.#account.delayed.size
    this.#sum.revived += this.#account.revived.length
  }
}

/** A start that was ended by the hook is what was wanted; any other failure is not. */
const dead = (daemon: Daemon) => (error: unknown) => {
  if (daemon.alive) throw error
}

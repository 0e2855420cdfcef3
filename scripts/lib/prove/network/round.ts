import { waitFor } from '../../../../test/support/wait.ts'
import type { Prover } from '../part.ts'
import { Account } from './account.ts'
import { keepAsking } from './askers.ts'
import { ProofClient } from './client.ts'
import { descriptorsOf, type Holdings, holdingsOf, residentOf } from './holdings.ts'
import { randomFor, type Weather } from './plan.ts'
import { OWN_DOMAIN, RECIPIENTS, type Scanners, type Stage, setStage } from './stage.ts'

export interface RoundOptions {
  readonly seed: number
  /** Ends after so many faults. */
  readonly faults: number
  readonly sessions: number
  readonly validating: boolean
  readonly scanners: Scanners
}

/** What one round left. */
export interface Round {
  readonly resolver: string
  readonly account: Account
  readonly stage: Stage
  readonly faults: number
  /** Seconds: with faults, and from the last fault until all had gone out. */
  readonly foulSeconds: number
  readonly drainSeconds: number
  readonly drained: boolean
  /** Who got no right answer when it was fair again. */
  readonly unanswered: readonly string[]
  /** How long peers that read nothing were kept, by where. Milliseconds. */
  readonly deafMs: Readonly<Record<string, number>>
  readonly before: Holdings
  readonly after: Holdings
  readonly alive: boolean
  /** Log lines that nobody should ever see. */
  readonly crashes: readonly string[]
}

/** What a round needs of whoever plays it. */
export type Teller = Pick<Prover, 'after' | 'say' | 'isOver'>

/** A dead connection must be given up long before; on a busy machine, too. */
const HOLD_MS = 15_000
const WARM_UP = 60
const DRAIN_MS = 120_000
const QUIET_MS = 40_000
/** Connections that live at any time, for looks at scanners and such. */
const FEW = 20
const SAY_EVERY_MS = 10_000
/** Descriptors that come and go without a fault: an idle admin connection, a file being read. */
export const DESCRIPTORS_APART = 3

/** Sets everything up, lets faults rain, and looks what is left when it is fair again. */
export async function playRound(prover: Teller, options: RoundOptions): Promise<Round> {
  const weather: Weather = { foul: false }
  const account = new Account()
  const stage = await setStage(prover, { ...options, weather, account, holdMs: HOLD_MS })
  const { daemon } = stage
  const warmUp = startClients(stage, account, options, 'warm')
  await waitFor(() => account.acknowledged.size >= WARM_UP, { what: 'mail in fair weather', detail: () => daemon.log })
  await warmUp()
  await settle(stage, account)
  const before = await quietHoldings(stage, null)
  const pid = daemon.pid
  const started = performance.now()
  weather.foul = true
  const stop = startClients(stage, account, options, 'foul')
  const stopAsking = startAskers(stage)
  await untilFaults(prover, stage, options.faults)
  weather.foul = false
  const foulSeconds = (performance.now() - started) / 1000
  await stop()
  const deafMs = await stopAsking()
  const calm = performance.now()
  const drained = await settle(stage, account)
  const drainSeconds = (performance.now() - calm) / 1000
  await heldAreGone(stage, prover)
  const unanswered = await whoIsUnanswered(stage)
  const after = await quietHoldings(stage, before)
  const crashes = daemon.log.split('\n').filter((line) => /uncaught|unhandled|"level":"fatal"|"level":60/i.test(line))
  const alive = daemon.alive && daemon.pid === pid
  return {
    resolver: options.validating ? "Postern's own resolver" : "Node's resolver",
    ...{
      account,
      stage,
      faults: faultsOf(stage),
      foulSeconds,
      drainSeconds,
      drained,
      before,
      after,
      alive,
      crashes,
      unanswered,
      deafMs,
    },
  }
}

/** Gives what stops them. */
function startClients({ proxies }: Stage, account: Account, options: RoundOptions, name: string): () => Promise<void> {
  const clients = Array.from({ length: options.sessions }, (_, n) => {
    const label = `${name}-${options.validating ? 'v' : 'n'}-${n}`
    return new ProofClient({
      name: label,
      random: randomFor(options.seed, label),
      account,
      registered: proxies.client.port,
      stranger: proxies.stranger.port,
      implicit: proxies['client, TLS'].port,
      proxied: proxies['client, PROXY'].port,
      recipients: RECIPIENTS,
      own: [`someone@${OWN_DOMAIN}`],
    })
  })
  const runs = Promise.all(clients.map((client) => client.run()))
  return async () => {
    for (const client of clients) client.stop()
    await runs
  }
}

/** Gives what stops them, and then how long those who read nothing were kept at the most. */
function startAskers({ asks, deaf }: Stage): () => Promise<Round['deafMs']> {
  let stopped = false
  const runs = Promise.all(Object.values(asks).map((ask) => keepAsking(ask, () => stopped)))
  const kept = Object.entries(deaf).map(async ([where, connect]) => [where, await connect()] as const)
  return async () => {
    stopped = true
    await runs
    return Object.fromEntries(await Promise.all(kept))
  }
}

async function whoIsUnanswered({ asks }: Stage): Promise<string[]> {
  const right = await Promise.all(Object.entries(asks).map(async ([who, ask]) => ((await ask()) ? [] : [who])))
  return right.flat()
}

export const faultsOf = ({ proxies, dns }: Stage): number =>
  [dns.faults, ...Object.values(proxies).map(({ tally }) => tally.faults)]
    .flatMap((faults) => [...faults.values()])
    .reduce((sum, count) => sum + count, 0)

async function untilFaults({ say, isOver }: Teller, stage: Stage, wanted: number): Promise<void> {
  let saidAt = performance.now()
  await waitFor(
    () => {
      if (performance.now() - saidAt > SAY_EVERY_MS) {
        saidAt = performance.now()
        say(
          `  ${faultsOf(stage)} of ${wanted} faults; the process has ${Math.round(residentOf(stage.daemon.pid) / 2 ** 20)} MiB`,
        )
      }
      return faultsOf(stage) >= wanted || !stage.daemon.alive || isOver()
    },
    { what: `${wanted} faults`, timeoutMs: 120_000 + wanted * 200, everyMs: 100 },
  )
}

/** Whether everything that was acknowledged went out and nothing is left in the queue. */
async function settle({ daemon }: Stage, account: Account): Promise<boolean> {
  try {
    const done = async () => account.lost.length === 0 && (await daemon.queue()).length === 0
    return await waitFor(done, { what: 'the queue to become empty', timeoutMs: DRAIN_MS, everyMs: 250 })
  } catch {
    return false
  }
}

/** Connections that are held dead are looked at when their time is over. */
async function heldAreGone({ proxies }: Stage, { say }: Teller): Promise<void> {
  const left = () => Object.entries(proxies).filter(([, { open }]) => open >= FEW)
  const gone = () => left().length === 0
  await waitFor(gone, { what: 'dead connections', timeoutMs: HOLD_MS + QUIET_MS, everyMs: 200 }).catch(() => {
    say(
      `  still open: ${left()
        .map(([pair, { open }]) => `${pair} ${open}`)
        .join(', ')}`,
    )
  })
}

/** Waits for connections that are kept a while to be closed: down to what there was before, or as long as is fair. */
async function quietHoldings({ daemon }: Stage, before: Holdings | null): Promise<Holdings> {
  if (before === null)
    await waitFor(quietFor(daemon.pid), { what: 'the daemon to be idle', timeoutMs: QUIET_MS, everyMs: 500 })
  else {
    const most = before.descriptors + DESCRIPTORS_APART
    const down = () => descriptorsOf(daemon.pid).descriptors <= most
    await waitFor(down, { what: 'sockets', timeoutMs: QUIET_MS, everyMs: 250 }).catch(() => false)
  }
  return holdingsOf(daemon)
}

/** Looks whether the number of descriptors has been the same, more or less, for the last looks. */
function quietFor(pid: number): () => boolean {
  const seen: number[] = []
  return () => {
    seen.push(descriptorsOf(pid).descriptors)
    const last = seen.slice(-12)
    return last.length === 12 && Math.max(...last) - Math.min(...last) <= DESCRIPTORS_APART
  }
}

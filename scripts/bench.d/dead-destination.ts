import { program } from '../../test/support/components.ts'
import { relayConfig } from '../../test/support/config.ts'
import { type Daemon, type DaemonConfig, startDaemon } from '../../test/support/daemon.ts'
import { startLoad } from '../../test/support/load.ts'
import { freePort } from '../../test/support/ports.ts'
import { smtpSource, startSmtpSink } from '../../test/support/smtp-source.ts'
import { waitFor } from '../../test/support/wait.ts'
import { type Bench, Missing, median, type Row } from '../lib/bench/part.ts'

const WAITING = 100_000
const MESSAGES = 5000
const ROUNDS = 3

/** How fast mail for one destination passes while 100,000 messages wait for another one that is dead. */
export async function bench(bench: Bench): Promise<Row[]> {
  if (program('smtp-source') === null) throw new Missing('smtp-source is not installed (Debian: postfix)')
  const [waiting, messages] = bench.quick ? [WAITING / 10, MESSAGES / 10] : [WAITING, MESSAGES]
  const [empty, full] = [await freePort(), await freePort()]
  const sink = await startSmtpSink(bench)
  const without = await startDaemon(bench, config(empty, sink.port))
  await without.stop()
  const burdened = await startDaemon(bench, config(full, sink.port))
  bench.say(`filling a queue with ${waiting} messages for a dead destination …`)
  await fill(full, waiting)
  await burdened.stop()

  const rates = { without: [] as number[], burdened: [] as number[] }
  const one = (daemon: Daemon, port: number) => rate(daemon, port, messages, sink.count)
  for (let round = 1; round <= ROUNDS; round++) {
    rates.without.push(await one(without, empty))
    rates.burdened.push(await one(burdened, full))
    bench.say(
      `round ${round}: ${rates.without.at(-1)?.toFixed(0)}/s without, ${rates.burdened.at(-1)?.toFixed(0)}/s with`,
    )
  }
  const [free, held] = [median(rates.without), median(rates.burdened)]
  return [
    { name: 'a live destination alone', value: free, unit: 'messages/s' },
    { name: `with ${waiting} waiting for a dead one`, value: held, unit: 'messages/s' },
    { name: 'of its speed alone', value: held / free, unit: '×', goal: { atLeast: 0.9 } },
  ]
}

function config(port: number, live: number): DaemonConfig {
  // Port 9: nothing listens there
  const routes = { default: { hosts: [`127.0.0.1:${live}`] }, domains: { 'dead.test': { hosts: ['127.0.0.1:9'] } } }
  return relayConfig({ port, nextHop: live, more: { routes, queue: {} } })
}

async function fill(port: number, messages: number): Promise<void> {
  const load = startLoad({ port, sessions: 50, messages, bytes: 1024, to: () => ['someone@dead.test'] })
  await load.done
}

/** Messages per second from the first command to the last arrival. */
async function rate(daemon: Daemon, port: number, messages: number, count: () => number): Promise<number> {
  await daemon.start()
  await send(port, messages / 10, count)
  const began = performance.now()
  await send(port, messages, count)
  const seconds = (performance.now() - began) / 1000
  await daemon.stop()
  return messages / seconds
}

async function send(port: number, messages: number, count: () => number): Promise<void> {
  const goal = count() + messages
  await smtpSource({ port, messages, sessions: 20, bytes: 4096, to: 'someone@live.test' })
  await waitFor(() => count() >= goal, { what: `${messages} messages`, timeoutMs: 120_000, everyMs: 5 })
}

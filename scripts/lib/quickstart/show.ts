import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Background, startInBackground, tail } from './background.ts'
import { bodyHash, isIntact, type Sample, sample, submit } from './message.ts'
import { isOpen } from './ports.ts'
import { POSTERN, postern } from './postern.ts'
import { quote, say, step, tell } from './say.ts'
import { showScanners, startScanners } from './scanners.ts'
import { findSetup, type Setup, setUp } from './setup.ts'

const NEXT_HOP = fileURLToPath(new URL('next-hop.ts', import.meta.url))
const START_MS = 30_000
const ARRIVAL_MS = 30_000

/** The whole story, told as it goes. True if both messages arrived intact; throws when a step fails. */
export async function show(folder: string, withScanners = false): Promise<boolean> {
  const inspect = withScanners ? await startScanners(folder) : []
  step('A certificate for development, and a configuration')
  const setup = await setUp(folder, inspect)
  tell(`Everything of this trial lies in ${folder}.`)
  tell(`Made a self-signed certificate for "localhost", and ${near(setup.config)}.`)

  const { nextHop, daemon } = await startBoth(setup)
  const watched = Promise.race([nextHop.failed, daemon.failed])
  const ids = await Promise.race([exchange(setup), watched])
  if (withScanners) await Promise.race([showScanners(setup), watched])
  await showCommands(setup, ids)
  return true
}

async function startBoth(setup: Setup): Promise<{ nextHop: Background; daemon: Background }> {
  const { folder, config, state, received, ports } = setup
  step('A receiving server, which stands for the next mail server on the way')
  const args = [NEXT_HOP, '--port', String(ports.nextHop), '--folder', received]
  const nextHop = await startInBackground(folder, 'next-hop', process.execPath, args)
  await opened(nextHop, [ports.nextHop])
  tell(`Listens on 127.0.0.1:${ports.nextHop} (process ${nextHop.pid}).`)

  step('Postern itself')
  const daemon = await startInBackground(folder, 'postern', POSTERN, ['serve', '--config', config, '--state', state])
  await opened(daemon, [ports.starttls, ports.implicit])
  tell(
    `Listens on 127.0.0.1:${ports.starttls} (STARTTLS) and :${ports.implicit} (TLS from the first byte), process ${daemon.pid}.`,
  )
  return { nextHop, daemon }
}

async function opened(started: Background, ports: readonly number[]): Promise<void> {
  const all = async () => (await Promise.all(ports.map(isOpen))).every(Boolean)
  const poll = async () => {
    const end = performance.now() + START_MS
    while (!(await all())) {
      if (performance.now() > end) throw new Error(`nothing listens after ${START_MS / 1000} s:\n${tail(started.log)}`)
      await sleep(50)
    }
  }
  await Promise.race([poll(), started.failed])
}

/** Sends the two messages; gives their queue ids. */
async function exchange(setup: Setup): Promise<string[]> {
  const { ports } = setup
  const first = await passOn(setup, 1, { port: ports.starttls, implicit: false })
  const second = await passOn(setup, 2, { port: ports.implicit, implicit: true })
  return [first, second]
}

async function passOn(setup: Setup, number: number, how: { port: number; implicit: boolean }): Promise<string> {
  step(
    `A message over ${how.implicit ? 'implicit TLS' : 'STARTTLS'}: UTF-8 text, a line with a single dot, an attachment`,
  )
  const message = await sample(number)
  const reply = await submit(message, { ...how, certificate: setup.certificate })
  tell(
    `Sent ${message.bytes.length} bytes from <${message.from}> to <${message.to}>, certificate verified. Postern said:`,
  )
  quote(reply)
  const { name, bytes } = await arrival(setup, message)
  if (!isIntact(message.bytes, bytes)) throw new Error(`${join(setup.received, name)} is not what was sent`)
  tell(
    `The next hop has it (${near(join(setup.received, name))}), byte for byte what was sent, below Postern's trace field.`,
  )
  tell(`SHA-256 of the body, sent and received: ${bodyHash(message.bytes)}`)
  return queueIdIn(reply)
}

async function arrival({ received, folder }: Setup, message: Sample): Promise<{ name: string; bytes: Buffer }> {
  for (const end = performance.now() + ARRIVAL_MS; performance.now() < end; await sleep(50)) {
    const names = existsSync(received) ? readdirSync(received).filter((name) => /^\d+\.eml$/.test(name)) : []
    for (const name of names) {
      const bytes = readFileSync(join(received, name))
      if (bytes.includes(message.messageId)) return { name, bytes }
    }
  }
  throw new Error(
    `the message did not reach the next hop. The end of Postern's log:\n${tail(join(folder, 'postern.log'))}`,
  )
}

function queueIdIn(reply: string): string {
  const [, id] = /queued as ([0-9A-Z]{11})/.exec(reply) ?? []
  if (id === undefined) throw new Error(`the reply names no queue id: ${reply}`)
  return id
}

async function showCommands({ config, state }: Setup, [id = '']: readonly string[]): Promise<void> {
  const commands: readonly [string, string[]][] = [
    ['What waits', ['queue', 'list']],
    ['Where the first message went', ['trace', id]],
    ['How Postern is', ['status']],
  ]
  for (const [title, args] of commands) {
    step(`${title}: scripts/postern ${args.join(' ')}`)
    quote(await postern(...args, '--config', config, '--state', state))
  }
  say('')
}

/** As short as it can be typed here. */
function near(path: string): string {
  const short = relative('.', path)
  return short.startsWith('..') ? path : short
}

/** One more message to a daemon that an earlier run left running; gives its reply. */
export async function sendOne(folder: string): Promise<string> {
  const { ports, certificate } = findSetup(folder)
  return submit(await sample(3), { port: ports.starttls, implicit: false, certificate })
}

/** What to try now that all of it runs. */
export function announce(folder: string): void {
  const where = `--config ${near(join(folder, 'postern.yaml'))} --state ${near(join(folder, 'state'))}`
  const elsewhere = folder === join(process.cwd(), '.quickstart') ? '' : ` --state ${near(folder)}`
  say(`Postern keeps running. Try:

  scripts/postern queue list ${where}
  scripts/postern trace MESSAGE ${where}
  scripts/postern status ${where}
  scripts/postern help

  less ${near(join(folder, 'postern.log'))}
  scripts/quickstart --send${elsewhere}     sends one more message
  kill "$(cat ${near(join(folder, 'next-hop.pid'))})"     the next hop goes down: send again, and see it wait
  scripts/quickstart --stop${elsewhere}     ends it all`)
}

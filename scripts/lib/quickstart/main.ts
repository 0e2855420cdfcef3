import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { stop } from './background.ts'
import { say } from './say.ts'
import { stopScanners } from './scanners.ts'
import { makeFolder } from './setup.ts'
import { announce, sendOne, show } from './show.ts'

const { values: options } = parseArgs({
  options: {
    once: { type: 'boolean' },
    send: { type: 'boolean' },
    stop: { type: 'boolean' },
    state: { type: 'string' },
    'with-scanners': { type: 'boolean', default: false },
  },
})

const withScanners = options['with-scanners']

async function main(): Promise<number> {
  if (options.stop) return stopOnly(placeOf())
  if (options.send) return sendOnly(placeOf())
  const folder = options.once ? mkdtempSync(join(tmpdir(), 'postern-quickstart-')) : placeOf()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void interrupted(folder))
  return options.once ? once(folder) : stay(folder)
}

const placeOf = (): string => resolve(options.state ?? '.quickstart')

async function once(folder: string): Promise<number> {
  const intact = await attempt(() => show(folder, withScanners))
  await stopAll(folder)
  if (intact) rmSync(folder, { recursive: true, force: true })
  say(
    intact
      ? 'Both messages arrived intact. Everything was stopped again.'
      : `It did not work. Everything lies in ${folder}`,
  )
  return intact ? 0 : 1
}

async function stay(folder: string): Promise<number> {
  if (await stopAll(folder)) say('Stopped what an earlier run had left running.')
  const intact = await attempt(() => {
    makeFolder(folder)
    return show(folder, withScanners)
  })
  if (!intact) await stopAll(folder)
  if (intact) announce(folder)
  return intact ? 0 : 1
}

/** True if both messages arrived intact. */
async function attempt(story: () => Promise<boolean>): Promise<boolean> {
  try {
    return await story()
  } catch (error) {
    say(`\nThis went wrong: ${error instanceof Error ? error.message : String(error)}`)
    return false
  }
}

async function sendOnly(folder: string): Promise<number> {
  const sent = await attempt(async () => {
    say(await sendOne(folder))
    return true
  })
  return sent ? 0 : 1
}

async function stopOnly(folder: string): Promise<number> {
  say((await stopAll(folder)) ? 'Stopped.' : `Nothing was running from ${folder}.`)
  return 0
}

async function stopAll(folder: string): Promise<boolean> {
  const daemon = await stop(folder, 'postern')
  const nextHop = await stop(folder, 'next-hop')
  const scanners = await stopScanners(folder)
  return daemon || nextHop || scanners
}

async function interrupted(folder: string): Promise<void> {
  await stopAll(folder)
  process.exit(130)
}

process.exitCode = await main()

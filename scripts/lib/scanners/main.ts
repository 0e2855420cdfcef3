import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { freePort } from '../quickstart/ports.ts'
import { startInBackground, stop } from './background.ts'
import { setUpClamd } from './clamd.ts'
import { setUpRspamd } from './rspamd.ts'
import type { ScannerSetup } from './setup.ts'
import { setUpSpamd } from './spamd.ts'

type Name = ScannerSetup['name']
const NAMES: readonly Name[] = ['clamd', 'rspamd', 'spamd']
const MARK = 'made-by-scanners'
const FIRST_PORT = 11_400

const [verb, folder, ...wanted] = process.argv.slice(2)

async function main(): Promise<number> {
  if (folder === undefined || (verb !== 'start' && verb !== 'stop')) return usage()
  const unknown = wanted.find((name) => !NAMES.some((known) => known === name))
  if (unknown !== undefined) throw new Error(`no such scanner: ${unknown}; there are ${NAMES.join(', ')}`)
  const names = wanted.length === 0 ? NAMES : NAMES.filter((name) => wanted.includes(name))
  return verb === 'start' ? startAll(resolve(folder), names) : stopAll(resolve(folder), names)
}

function usage(): number {
  process.stderr.write('usage: scripts/scanners start|stop DIR [clamd] [rspamd] [spamd]\n')
  return 2
}

/** Prints what each is called in Postern's configuration, once it answers. */
async function startAll(folder: string, names: readonly Name[]): Promise<number> {
  if (existsSync(folder) && !existsSync(join(folder, MARK)))
    throw new Error(`${folder} was not made by this script: name a folder that does not exist yet`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, MARK), '')
  for (const name of names) await stop(folder, name)
  for (const name of names) {
    const setup = await setUp(name, join(folder, name))
    try {
      await startInBackground(folder, setup)
    } catch (error) {
      for (const each of names) await stop(folder, each)
      throw error
    }
    process.stdout.write(`${name}: ${setup.address}\n`)
  }
  return 0
}

async function setUp(name: Name, folder: string): Promise<ScannerSetup> {
  if (name === 'clamd') return setUpClamd(folder)
  const port = await freePort(FIRST_PORT)
  return name === 'rspamd' ? setUpRspamd(folder, { port }) : setUpSpamd(folder, { port })
}

async function stopAll(folder: string, names: readonly Name[]): Promise<number> {
  for (const name of names) if (await stop(folder, name)) process.stdout.write(`${name}: stopped\n`)
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`scanners: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

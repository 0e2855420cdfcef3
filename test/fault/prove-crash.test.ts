import assert from 'node:assert/strict'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from '../support/process.ts'

/** The short form of `scripts/prove crash`, its kinds of end apart. Each prints its tables when it fails. */

const MAIN = fileURLToPath(new URL('../../scripts/lib/prove/main.ts', import.meta.url))
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const NOTHING = ['--kills', '0', '--states', '0', '--clock', '0', '--upkeep', '0']
const LONGEST_MS = 220_000

async function prove(...amounts: string[]): Promise<void> {
  const args = [MAIN, 'crash', '--short', ...NOTHING, ...amounts]
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: ROOT, timeoutMs: LONGEST_MS })
  assert.equal(code, 0, stdout + stderr)
}

test('kills, at named points and at random, lose no acknowledged message', () => prove('--kills', '14'))

test('losses of power lose no acknowledged message, and a disk that lies about syncs is found out', () =>
  prove('--states', '10', '--controls', '2'))

test('a clock that is set forward and back loses nothing, returns nothing early, and delays nothing', () =>
  prove('--clock', '1'))

test('upkeep that is cut short, at any moment of it, leaves what the same command makes whole', () =>
  prove('--upkeep', '9'))

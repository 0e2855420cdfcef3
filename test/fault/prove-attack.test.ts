import assert from 'node:assert/strict'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { need } from '../support/components.ts'
import { run } from '../support/process.ts'

const MAIN = fileURLToPath(new URL('../../scripts/lib/prove/main.ts', import.meta.url))
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const LONGEST_MS = 240_000

// Fewer slow senders than by hand: other tests run beside this one
test('the short form of scripts/prove attack keeps every promise', async (t) => {
  if (!need(t, 'sslscan', 'openssl')) return
  const args = [MAIN, 'attack', '--short', '--slow', '500']
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: ROOT, timeoutMs: LONGEST_MS })
  assert.equal(code, 0, stdout + stderr)
})

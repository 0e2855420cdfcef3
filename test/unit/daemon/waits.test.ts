import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loaded } from '../config/support.ts'

const SOURCE = join(import.meta.dirname, '../../../src')

/**
 * Times that stand in the source itself, where something is armed with them. None may be a wait for another program: those
 * have keys (`config/README.md` has the table). Each says what it is instead.
 */
const NOT_FOR_OTHERS: Readonly<Record<string, string>> = {
  'accept/options.ts 5': 'default of holds.deadline',
  'admin/server.ts LOOK_MS': 'how often it is looked who is late',
  'cli/client.ts SILENCE_MS': 'the command waits for the daemon: who gave it can end it',
  'config/secure-domains/lock.ts WAIT_MS': 'for another command of ours, then told',
  'daemon/memory-watch.ts LOOK_MS': 'how often it is looked what the process holds',
  'db/lock.ts 0': 'no wait',
  'deliver/feeder.ts EXPECTED_MS': 'until the next look at the spool',
  'deliver/keeper.ts TICK_MS': 'how often it is looked which connections are idle',
  'deliver/options.ts 15': 'default of queue.connections.idle',
  'deliver/settler.ts RETRY_MS': 'until the spool is told again',
  'inspect/plugins/spam/rspamd.ts 0': 'no time-out any more',
  'ledger/thread/ledger.ts IDLE_MS': 'our own thread has nothing to do',
  'ledger/verify/agreement.ts BETWEEN_LOOKS_MS': 'between two looks of a command',
  'observe/http.ts LOOK_MS': 'how often it is looked who is late',
  'observe/queue-gauges.ts 2_000': "for our own spool's thread",
  'reports/open.ts FIRST_SEND_MS': 'after the start',
  'reports/thread/reports.ts IDLE_MS': 'our own thread has nothing to do',
  'smtp/server/limits.ts 5': 'default of limits.idle',
  'smtp/server/server.ts SWEEP_MS': 'how often it is looked who is late',
  'spool/open.ts IDLE_MS': 'our own thread has nothing to do',
  'spool/read/thread.ts IDLE_MS': 'our own thread has nothing to do',
  'transport/mta-sts/policies.ts 30_000': 'default of delivery.mtaStsTimeout',
  'transport/mta-sts/serve.ts 10_000': 'default of publish.mtaSts.timeouts.answer',
}

/** What arms a timer, with the time it is given where that is a number or a constant of the file. */
const ARMED: readonly RegExp[] = [
  /\b(?:after|every|sleep|timeout|setTimeout|settled?Within)\(\s*([A-Z][A-Z0-9_]+|\d[\d_]*)\s*[,)]/g,
  /\b(?:setTimeout|setInterval)\((?:[^;]*?),\s*([A-Z][A-Z0-9_]+|\d[\d_]*)\)/g,
  /\b(?:timeout|\w*Timeout|\w*Interval|timeoutMs|deadlineMs|idleMs)\s*:\s*([A-Z][A-Z0-9_]+|\d[\d_]*)\b/g,
]

function armed(): string[] {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  return files.flatMap((name) => {
    const text = readFileSync(join(SOURCE, name), 'utf8')
    const times = ARMED.flatMap((form) => [...text.matchAll(form)].map(([, time = '']) => time))
    return [...new Set(times)].map((time) => `${name} ${time}`)
  })
}

test('a time that stands in the source is none that another program is waited for', () => {
  assert.deepEqual(armed().sort(), Object.keys(NOT_FOR_OTHERS).sort())
})

test('what is the default of a key is that of a key', () => {
  const config = loaded('publish: { mtaSts: { listen: [] } }')
  const keys = Object.values(NOT_FOR_OTHERS).flatMap((what) => /^default of (\S+)$/.exec(what)?.slice(1) ?? [])
  for (const key of keys) {
    const parts = key.split('.')
    const value = parts.reduce<unknown>((found, name) => (found as Record<string, unknown> | undefined)?.[name], config)
    assert.equal(typeof value, 'number', key)
  }
})

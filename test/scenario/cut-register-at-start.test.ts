import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { relayConfig } from '../support/config.ts'
import { type Daemon, POSTERN, startDaemon } from '../support/daemon.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort } from '../support/ports.ts'
import { type Finished, run } from '../support/process.ts'
import { waitFor } from '../support/wait.ts'
import { HEADER, line } from '../unit/config/secure-domains/support.ts'

// A register that was cut short while the daemon was stopped, or that a crash of the machine left half.

const NEXT_YEAR = `${new Date().getUTCFullYear() + 1}-12-01`
const valid = (domain: string, more: object = {}) => line({ domain, 'expires-on': NEXT_YEAR, ...more })

interface Site {
  readonly daemon: Daemon
  readonly kept: string
  register(...lines: readonly string[]): void
  /** A start that is expected to end by itself. */
  refusedStart(): Promise<Finished>
  onState(...args: string[]): Promise<Finished>
}

async function site(t: TestContext, lines: readonly string[]): Promise<Site> {
  const file = join(temporaryFolder(t), 'secure-domains.csv')
  const register = (...all: readonly string[]) => writeFileSync(file, `${[HEADER, ...all].join('\n')}\n`)
  register(...lines)
  const daemon = await startDaemon(
    t,
    relayConfig({ port: await freePort(), nextHop: 9, more: { secureDomains: { file } } }),
  )
  await inForce(daemon, 1)
  const state = ['--config', daemon.configFile, '--state', daemon.stateDir]
  const kept = join(daemon.stateDir, 'secure-domains.json')
  const onState = (...args: string[]) => run(POSTERN, [...args, ...state])
  return { daemon, kept, register, onState, refusedStart: () => onState('serve') }
}

/** It listens a moment before its configuration is in force. */
const inForce = (daemon: Daemon, starts: number) =>
  waitFor(() => daemon.log.split('"msg":"ready"').length > starts, { what: 'the daemon to be ready' })

test('A start without a domain that was secure is refused, until somebody lets it go by name.', async (t) => {
  const { daemon, kept, register, refusedStart, onState } = await site(t, [valid('a.test'), valid('royal.test')])
  await daemon.stop()
  register(valid('a.test'))
  const refused = await refusedStart()
  assert.equal(refused.code, 78, refused.stderr)
  assert.match(refused.stderr, /royal\.test was secure when the daemon last ran: not in .*secure-domains\.csv any more/)
  assert.match(refused.stderr, /postern domain accept-loss --reason/)
  assert.doesNotMatch(refused.stderr, /: a\.test was/)
  const checked = await onState('check')
  assert.equal(checked.code, 1)
  assert.match(checked.stdout, /error: secureDomains: .*royal\.test was secure/)

  const unasked = await onState('domain', 'accept-loss', '--reason', 'moved away')
  assert.equal(unasked.code, 64)
  assert.equal((await refusedStart()).code, 78, 'nobody agreed yet')
  const accepted = await onState('domain', 'accept-loss', '--reason', 'moved away', '--yes')
  assert.deepEqual([accepted.code, accepted.stdout], [0, '1 domain let go. It counts for the next start.\n'])
  await daemon.start()
  await inForce(daemon, 2)
  assert.match(daemon.log, /secure domains were let go/)
  const [acceptance] = JSON.parse(readFileSync(kept, 'utf8')).accepted
  assert.deepEqual([acceptance.reason, acceptance.domains], ['moved away', ['royal.test']])
  assert.ok(acceptance.by.length > 0)

  register(valid('a.test'), valid('royal.test'))
  assert.equal((await daemon.cli('reload')).code, 0)
  await daemon.stop()
  register(valid('a.test'))
  assert.equal((await refusedStart()).code, 78, 'what was accepted once does not count for ever')
})

test('A start takes a register in which a domain was retired, expired, renewed or is covered by another.', async (t) => {
  const { daemon, register } = await site(t, [valid('a.test'), valid('b.test'), valid('ward.c.test'), valid('d.test')])
  await daemon.stop()
  const covers = valid('c.test', { subdomains: 'yes' })
  const expired = line({ domain: 'b.test', 'reviewed-on': '2020-01-01', 'expires-on': '2021-01-01' })
  register(valid('a.test', { status: 'retired' }), expired, covers, valid('d.test', { 'min-tls': 'TLSv1.3' }))
  await daemon.start()
  await inForce(daemon, 2)
  assert.match(daemon.log, /asks for something else than when it last counted/)
  await daemon.stop()
  register(covers, valid('d.test'))
  await daemon.start()
})

test('A configuration that names the register no more does not start either.', async (t) => {
  const { daemon, refusedStart } = await site(t, [valid('royal.test')])
  await daemon.stop()
  daemon.write(relayConfig({ port: await freePort(), nextHop: 9 }))
  const refused = await refusedStart()
  assert.equal(refused.code, 78)
  assert.match(refused.stderr, /royal\.test was secure .*: the configuration names no register any more/)
})

test('What cannot be read is no permission; accepted, it is begun anew.', async (t) => {
  const { daemon, kept, refusedStart, onState } = await site(t, [valid('royal.test')])
  await daemon.stop()
  writeFileSync(kept, '{"format":1,"secure":[{"dom')
  const refused = await refusedStart()
  assert.equal(refused.code, 78)
  assert.match(refused.stderr, /the record of which domains were secure, cannot be read/)
  assert.equal((await onState('domain', 'accept-loss', '--reason', 'looked through', '-y')).code, 0)
  await daemon.start()
  await inForce(daemon, 2)
  assert.equal(JSON.parse(readFileSync(kept, 'utf8')).secure[0].domain, 'royal.test')
})

test('A restored backup knows of no register of its time, and starts with that of today.', async (t) => {
  const { daemon, kept, register, onState } = await site(t, [valid('a.test'), valid('royal.test')])
  const copy = join(temporaryFolder(t), 'copy')
  const saved = await onState('backup', copy)
  assert.equal(saved.code, 0, saved.stderr)
  await daemon.stop()
  rmSync(daemon.stateDir, { recursive: true })
  register(valid('a.test'))
  const restored = await onState('restore', copy)
  assert.equal(restored.code, 0, restored.stderr)
  assert.match(restored.stderr, /withdrawn since the backup are used again.*entries that were retired/)
  assert.equal(existsSync(kept), false)
  await daemon.start()
  await inForce(daemon, 2)
  assert.equal(JSON.parse(readFileSync(kept, 'utf8')).secure.length, 1)
})

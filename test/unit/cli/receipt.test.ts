import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { QueueId } from '../../../src/mail/queue-id.ts'
import { need } from '../../support/components.ts'
import { POSTERN } from '../../support/daemon.ts'
import { type Scope, temporaryFolder } from '../../support/folder.ts'
import { run } from '../../support/process.ts'
import { startAdmin } from '../admin/support.ts'

const at = Date.UTC(2026, 10, 22, 9)

const found = (state: string) => ({
  queueId: '00KX3T9A001' as QueueId,
  receivedAt: at,
  client: 'royal',
  sender: 'zoë@royal.test',
  size: 10_240,
  messageId: '<1@royal.test>',
  entries: [
    {
      at,
      event: 'received',
      recipients: [{ index: 0, address: 'a@city.test', state: 'pending' }],
      facts: { address: '10.1.2.3' },
    },
    {
      at,
      event: 'attempt',
      recipients: [{ index: 0, address: 'a@city.test', state, reply: '250 ok\x7f' }],
      facts: { host: 'mx.city.test', tls: null },
    },
  ],
})

/** A key made by the command, and a daemon's API that signs with it. */
async function prepared(scope: Scope, state = 'relayed') {
  const folder = temporaryFolder(scope)
  const key = join(folder, 'receipts.pem')
  const made = await run(POSTERN, ['receipt', 'keygen', '--out', key])
  assert.equal(made.code, 0, made.stderr)
  const { socketPath } = await startAdmin(scope, {
    trace: async () => ({ messages: [found(state)], next: null }),
    ports: { receiptKey: () => createPrivateKey(readFileSync(key)) },
  })
  return { folder, key, file: join(folder, 'receipt.json'), socket: ['--socket', socketPath] }
}

test('a key is made that nobody else can read, and never over one that is there', async (t) => {
  const { key } = await prepared(t)
  assert.equal(statSync(key).mode & 0o777, 0o600)
  const before = readFileSync(key)
  const again = await run(POSTERN, ['receipt', 'keygen', '--out', key])
  assert.equal(again.code, 1)
  assert.match(again.stderr, /Cannot write .*exists/)
  assert.deepEqual(readFileSync(key), before)
})

test('a receipt is written, and checked without the daemon, with the key of the relay and no other', async (t) => {
  const { file, key, folder, socket } = await prepared(t)
  const made = await run(POSTERN, ['receipt', '00KX3T9A001', '--out', file, ...socket])
  assert.deepEqual([made.code, made.stdout], [0, ''], made.stderr)
  const told = await run(POSTERN, ['receipt', 'key', '--out', join(folder, 'told.pem'), ...socket])
  assert.equal(told.code, 0, told.stderr)
  assert.equal(readFileSync(join(folder, 'told.pem'), 'utf8'), readFileSync(`${key}.pub`, 'utf8'))

  const verified = await run(POSTERN, ['receipt', 'verify', file, '--key', `${key}.pub`])
  assert.equal(verified.code, 0, verified.stderr)
  assert.match(
    verified.stdout,
    /^The signature holds[\s\S]*Recipient {3}a@city\.test\n {2}State {5}relayed, since 2026-11-22T09[\s\S]*Security {2}in clear/,
  )
  const alone = await run(POSTERN, ['receipt', 'verify', file])
  assert.match(alone.stdout, /which it carries itself\.\nWhose key that is it cannot show/)

  await run(POSTERN, ['receipt', 'keygen', '--out', join(folder, 'other.pem')])
  const other = await run(POSTERN, ['receipt', 'verify', file, '--key', join(folder, 'other.pem.pub')])
  assert.equal(other.code, 1)
  assert.match(other.stderr, /does not hold: it was signed with another key/)

  writeFileSync(file, readFileSync(file, 'utf8').replace('a@city.test', 'b@city.test'))
  const altered = await run(POSTERN, ['receipt', 'verify', file, '--key', `${key}.pub`])
  assert.equal(altered.code, 1)
  assert.match(altered.stderr, /its signature does not hold/)
})

test('a receipt of a message that still waits says so plainly', async (t) => {
  const { socket } = await prepared(t, 'pending')
  const { stdout, stderr } = await run(POSTERN, ['receipt', '00KX3T9A001', '--text', ...socket])
  assert.match(stdout, /\nNOT FINAL: not every recipient has come to its end\./)
  assert.match(stdout, /State {5}pending \(not final\)/)
  assert.match(stderr, /Not all of its recipients/)
})

test('the receipt on standard output is the file, to the last byte', async (t) => {
  const { key, file, socket } = await prepared(t)
  const { stdout } = await run(POSTERN, ['receipt', '00KX3T9A001', ...socket])
  writeFileSync(file, stdout)
  assert.equal((await run(POSTERN, ['receipt', 'verify', file, '--key', `${key}.pub`])).code, 0)
})

test('OpenSSL finds the signature right, and wrong when anything was altered', async (t) => {
  if (!need(t, 'openssl')) return
  const { folder, file, socket } = await prepared(t)
  await run(POSTERN, ['receipt', '00KX3T9A001', '--out', file, ...socket])
  const parts = join(folder, 'parts')
  const { code, stderr } = await run(POSTERN, ['receipt', 'verify', file, '--extract', parts])
  assert.equal(code, 0, stderr)
  const files = [
    '-inkey',
    join(parts, 'key.pem'),
    '-sigfile',
    join(parts, 'signature.bin'),
    '-in',
    join(parts, 'receipt.json'),
  ]
  const check = () => run('openssl', ['pkeyutl', '-verify', '-rawin', '-pubin', ...files])
  const right = await check()
  assert.equal(right.code, 0, right.stderr)
  const signed = join(parts, 'receipt.json')
  writeFileSync(signed, readFileSync(signed, 'utf8').replace('relayed', 'failed_'))
  assert.notEqual((await check()).code, 0)
})

test('without a daemon that signs, and of what is no receipt, that is said', async (t) => {
  const { socketPath } = await startAdmin(t)
  const none = await run(POSTERN, ['receipt', '00KX3T9A001', '--socket', socketPath])
  assert.equal(none.code, 69)
  assert.match(none.stderr, /signs no receipts/)
  const file = join(temporaryFolder(t), 'x')
  writeFileSync(file, '{}')
  assert.match(
    (await run(POSTERN, ['receipt', 'verify', file])).stderr,
    /does not hold: it is not written as a receipt/,
  )
  assert.equal((await run(POSTERN, ['receipt', 'verify', `${file}y`])).code, 1)
})

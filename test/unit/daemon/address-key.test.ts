import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { addressKey } from '../../../src/daemon/address-key.ts'
import { temporaryFolder } from '../../support/folder.ts'

test('the key of hashed addresses is made once, and nothing else is left beside it', async (t) => {
  const folder = join(temporaryFolder(t), 'state')
  const key = await addressKey(folder)
  assert.equal(key.length, 32)
  assert.deepEqual(await addressKey(folder), key)
  assert.deepEqual(readdirSync(folder), ['log-address.key'])
})

test('of two that make it at once, both get the same key', async (t) => {
  const folder = join(temporaryFolder(t), 'state')
  const [one, other] = await Promise.all([addressKey(folder), addressKey(folder)])
  assert.equal((await addressKey(folder)).length, 32)
  assert.ok(one.equals(await addressKey(folder)) && other.equals(one))
})

test('a key of the wrong length is refused in words that say what to do', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'log-address.key'), '')
  await assert.rejects(addressKey(folder), /must hold 32 bytes; remove it/)
})

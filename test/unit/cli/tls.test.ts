import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { POSTERN } from '../../support/daemon.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { run } from '../../support/process.ts'

const selfSigned = (...args: readonly string[]) => run(POSTERN, ['tls', 'self-signed', ...args])

test('A certificate is made for every name, its key for our eyes only', async (t) => {
  const out = join(temporaryFolder(t), 'new', 'tls')
  const made = await selfSigned('--name', 'relay.example.test', '--name', '127.0.0.1', '--out', out)
  assert.equal(made.code, 0, made.stderr)
  const certificate = new X509Certificate(readFileSync(join(out, 'certificate.pem')))
  assert.equal(certificate.subjectAltName, 'DNS:relay.example.test, IP Address:127.0.0.1')
  assert.equal(statSync(join(out, 'key.pem')).mode & 0o777, 0o600)
  assert.match(made.stdout, new RegExp(`certificate: ${out}/certificate\\.pem`))
})

test('Existing files are kept unless --force is given', async (t) => {
  const folder = temporaryFolder(t)
  const files = ['--cert', join(folder, 'c.pem'), '--key', join(folder, 'k.pem')]
  const first = await selfSigned('localhost', ...files, '--json')
  assert.equal(JSON.parse(first.stdout).certificate, join(folder, 'c.pem'))
  const key = readFileSync(join(folder, 'k.pem'), 'utf8')
  const again = await selfSigned('localhost', ...files)
  assert.equal(again.code, 1)
  assert.match(again.stderr, /k\.pem exists; --force overwrites it/)
  assert.equal(readFileSync(join(folder, 'k.pem'), 'utf8'), key)
  chmodSync(join(folder, 'k.pem'), 0o644)
  assert.equal((await selfSigned('localhost', ...files, '--force')).code, 0)
  assert.equal(statSync(join(folder, 'k.pem')).mode & 0o777, 0o600, 'the new key is not readable through the old mode')
  assert.notEqual(readFileSync(join(folder, 'k.pem'), 'utf8'), key)
})

test('A name is needed, and must be one', async (t) => {
  const out = ['--out', temporaryFolder(t)]
  assert.equal((await selfSigned(...out)).code, 64)
  const wrong = await selfSigned('not a name', ...out)
  assert.equal(wrong.code, 64)
  assert.match(wrong.stderr, /neither a host name nor an IP address/)
})

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { certificateFacts, certificateNames, keyMatches, makeSelfSigned } from '../../../src/net/certificate.ts'

const NOW = Date.UTC(2026, 10, 2)
const DAY = 86_400_000

test('a self-signed certificate carries its names, its dates and its own signature', async () => {
  const { certificate } = await makeSelfSigned({
    names: ['relay.test', '*.relay.test', '127.0.0.1', '::1'],
    days: 10,
    now: NOW,
  })
  const x509 = new X509Certificate(certificate)
  assert.ok(x509.verify(x509.publicKey))
  assert.equal(x509.checkIP('::1'), '::1')
  const facts = certificateFacts(certificate)
  assert.equal(facts.subject, 'CN=relay.test')
  assert.deepEqual(facts.names, ['relay.test', '*.relay.test', '127.0.0.1', '0:0:0:0:0:0:0:1'])
  assert.equal(facts.notAfter, NOW + 10 * DAY)
  assert.ok(facts.notBefore < NOW)
  assert.match(facts.fingerprint, /^[0-9a-f]{64}$/)
})

test('a certificate is for its names and addresses, and for no others', async () => {
  const { certificate } = await makeSelfSigned({ names: ['relay.test', '127.0.0.1'], now: NOW })
  const answers = ['relay.test', '127.0.0.1', 'other.test', '127.0.0.2'].map((host) =>
    certificateNames(certificate, host),
  )
  assert.deepEqual(answers, [true, true, false, false])
})

test('a key matches its own certificate only', async () => {
  const [one, two] = await Promise.all([
    makeSelfSigned({ names: ['one.test'], now: NOW }),
    makeSelfSigned({ names: ['two.test'], now: NOW }),
  ])
  assert.ok(keyMatches(one.certificate, one.key))
  assert.equal(keyMatches(one.certificate, two.key), false)
  assert.throws(() => keyMatches(one.certificate, 'no key'))
})

test('a chain is counted, and its first certificate is the one that is described', async () => {
  const [one, two] = await Promise.all([
    makeSelfSigned({ names: ['one.test'], now: NOW }),
    makeSelfSigned({ names: ['two.test'], now: NOW }),
  ])
  const facts = certificateFacts(`${one.certificate}\n${two.certificate}`)
  assert.equal(facts.chain, 2)
  assert.deepEqual(facts.names, ['one.test'])
})

test('text that is no certificate, or a damaged one, is refused in words', () => {
  assert.throws(() => certificateFacts('-----BEGIN RSA PRIVATE KEY-----'), /holds no certificate/)
  const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'
  assert.throws(() => certificateFacts(damaged), /its certificate 1 cannot be read/)
})

test('a certificate without a name is not made', async () => {
  await assert.rejects(makeSelfSigned({ names: [], now: NOW }), RangeError)
})

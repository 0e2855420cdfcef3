import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson } from '../../../src/mail/canonical-json.ts'
import { RECEIPT_TYPE, type Receipt } from '../../../src/mail/receipt.ts'
import { BadReceipt, keyIdOf, readReceipt, receiptFile, signReceipt } from '../../../src/mail/receipt-signature.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const publicKey = createPublicKey(privateKey)
const other = createPublicKey(generateKeyPairSync('ed25519').privateKey)

export const RECEIPT: Receipt = {
  type: RECEIPT_TYPE,
  version: 1,
  relay: 'relay.example.test',
  madeAt: '2026-11-22T14:02:11.000Z',
  final: true,
  message: {
    queueId: '00KX3T9A001',
    messageId: '<1@royal.example.test>',
    receivedAt: '2026-11-22T14:00:00.000Z',
    client: 'royal',
    address: '10.20.0.5',
    helo: 'mail.royal.example.test',
    user: null,
    tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', fingerprint: null, verified: null },
    sender: 'ward@royal.example.test',
    size: 1234,
    sha256Received: 'a'.repeat(64),
    sha256Sent: 'b'.repeat(64),
    sensitive: false,
    split: null,
  },
  recipients: [
    {
      address: 'zoë@city.test',
      state: 'relayed',
      final: true,
      at: '2026-11-22T14:00:01.000Z',
      reply: '250 2.0.0 ok',
      path: {
        host: 'mx.city.test',
        address: '192.0.2.1',
        port: 25,
        tls: { protocol: 'TLSv1.3', cipher: 'x', fingerprint: 'c'.repeat(64), verified: true },
        clear: false,
        policy: 'register',
        proves: 'verified',
      },
      by: null,
      senderTold: null,
    },
  ],
  ledger: null,
}

const file = receiptFile(signReceipt(RECEIPT, privateKey))

test('a receipt is read back as it was signed, with the key that it carries or the one that is trusted', () => {
  for (const trusted of [null, publicKey]) {
    const { receipt, signature } = readReceipt(file, trusted)
    assert.deepEqual(receipt, RECEIPT)
    assert.equal(signature.keyId, keyIdOf(publicKey))
  }
})

test('a receipt of another key than the trusted one is refused', () => {
  assert.throws(() => readReceipt(file, other), /another key/)
})

test('a receipt does not hold any more when any one byte of its file is another', () => {
  fc.assert(
    fc.property(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const altered = Buffer.from(file)
      altered[at] = (altered[at] ?? 0) ^ change
      assert.throws(() => readReceipt(altered, null), BadReceipt)
    }),
    { numRuns: 300 },
  )
})

test('a receipt does not hold any more when any one bit of its signature or of its key is another', () => {
  const text = file.toString()
  const from = text.indexOf('"signature":')
  for (let at = from; at < file.length; at++) {
    for (const change of [1, 2, 4, 16]) {
      const altered = Buffer.from(file)
      altered[at] = (altered[at] ?? 0) ^ change
      assert.throws(() => readReceipt(altered, null), BadReceipt, `byte ${at}`)
    }
  }
})

test('a receipt that is cut, longer, or formatted anew is refused', () => {
  const pretty = Buffer.from(JSON.stringify(JSON.parse(file.toString()), null, 2))
  for (const altered of [file.subarray(0, -1), Buffer.concat([file, Buffer.from('\n')]), pretty, Buffer.alloc(0)]) {
    assert.throws(() => readReceipt(altered, publicKey), BadReceipt)
  }
})

test('what is signed and no receipt is refused, whoever signed it', () => {
  const wrong: readonly object[] = [
    { ...RECEIPT, type: 'invoice' },
    { ...RECEIPT, version: 2 },
    { ...RECEIPT, recipients: [null] },
    { ...RECEIPT, message: null },
    { ...RECEIPT, recipients: [{ ...RECEIPT.recipients[0], path: { port: 25 } }] },
  ]
  for (const receipt of wrong) {
    const signed = receiptFile(signReceipt(receipt as Receipt, privateKey))
    assert.throws(() => readReceipt(signed, publicKey), /version that is known/)
  }
})

test('a name that stands twice cannot say one thing to a person and another to a program', () => {
  const text = file.toString().replace('"final":true', '"final":false,"final":true')
  assert.throws(() => readReceipt(Buffer.from(text), null), BadReceipt)
})

test('its canonical form is what another program would make of it', () => {
  assert.equal(canonicalJson(RECEIPT), canonicalJson(JSON.parse(JSON.stringify(RECEIPT))))
})

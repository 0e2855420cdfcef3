import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRedactor } from '../../../src/observe/redact.ts'

const redact = createRedactor({ longest: 20, addressKey: null })

test('Fields without secrets are passed on as the very same object', () => {
  const fields = { queueId: '00KX3T9A001', recipients: [{ index: 0, address: 'a@b.test' }], size: 1 }
  assert.equal(redact(fields), fields)
})

test('Secrets and what a message says are hidden at any depth, whatever the case of their names', () => {
  const fields = { user: 'relay', Password: 'pw', login: { pass: 'pw', token: ['t'] }, list: [{ subject: 'biopsy' }] }
  assert.deepEqual(redact(fields), {
    user: 'relay',
    Password: '[hidden]',
    login: { pass: '[hidden]', token: '[hidden]' },
    list: [{ subject: '[hidden]' }],
  })
  assert.equal(fields.Password, 'pw', 'the caller keeps its own object as it was')
})

test('Long strings are cut, bytes are counted, and depth is bounded', () => {
  const loop: Record<string, unknown> = { name: 'loop' }
  loop.self = loop
  const { text, bytes, nested } = redact({ text: 'x'.repeat(21), bytes: Buffer.from('mail'), nested: loop })
  assert.equal(text, `${'x'.repeat(20)}…`)
  assert.equal(bytes, '[4 bytes]')
  assert.match(JSON.stringify(nested), /\[deep\]/)
})

test('With a key every address becomes a token: the same for the same address, another under another key', () => {
  const hash = createRedactor({ longest: 200, addressKey: Buffer.alloc(32, 1) })
  const first = hash({ sender: 'Ward7@Royal.example', reply: '250 <ward7@royal.example> ok', to: ['x@y.test'] })
  const token = /^addr:[0-9a-f]{16}$/
  assert.match(String(first.sender), token)
  assert.equal(first.reply, `250 <${first.sender}> ok`)
  assert.match(String((first.to as string[])[0]), token)
  const other = createRedactor({ longest: 200, addressKey: Buffer.alloc(32, 2) })
  assert.notEqual(other({ sender: 'ward7@royal.example' }).sender, first.sender)
})

test('An address with a quoted local part becomes a token too', () => {
  const hash = createRedactor({ longest: 200, addressKey: Buffer.alloc(32, 1) })
  assert.match(String(hash({ to: 'for <"jane doe"@royal.example>' }).to), /^for <addr:[0-9a-f]{16}>$/)
  assert.match(String(hash({ to: '"a\\"b"@royal.example' }).to), /^addr:[0-9a-f]{16}$/)
  assert.equal(hash({ to: 'said "no" @ noon, me@ @you' }).to, 'said "no" @ noon, me@ @you')
})

test('Addresses are looked for in time that grows with the text alone, whatever a peer wrote', () => {
  const hash = createRedactor({ longest: 1_000_000, addressKey: Buffer.alloc(32, 1) })
  const before = process.cpuUsage().user
  for (const piece of ['a', '"', '"a', '\\"', 'a@"']) hash({ reply: `${piece.repeat(200_000)} @` })
  // A square of this length takes minutes
  assert.ok(process.cpuUsage().user - before < 5_000_000)
})

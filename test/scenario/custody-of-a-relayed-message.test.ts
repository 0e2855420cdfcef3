import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import type { ApiTracedMessage, ApiTracePage } from '../../src/admin/api.ts'
import { readAttempt, readReceived } from '../../src/mail/custody.ts'
import { makeCertificate } from '../support/certs.ts'
import { relayConfig } from '../support/config.ts'
import { type Daemon, POSTERN, startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { startSink } from '../support/sink.ts'
import { queueIdIn, submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** Without the first field, which is this relay's trace field. */
function belowTrace(content: Buffer): Buffer {
  const text = content.toString('latin1')
  const [field = ''] = /^Received:.*\r\n(?:[ \t].*\r\n)*/.exec(text) ?? []
  assert.notEqual(field, '')
  return content.subarray(field.length)
}

async function traced(daemon: Daemon, id: string): Promise<ApiTracedMessage> {
  return waitFor(
    async () => {
      const { messages } = (await daemon.json('trace', id)) as ApiTracePage
      const [found] = messages
      return found?.recipients.every(({ state }) => state === 'relayed') && found
    },
    { what: 'the end of the trace' },
  )
}

test('Who sent a message, what was changed, and over what it went on is on record, with hashes of the very bytes, and certified', async (t) => {
  const folder = temporaryFolder(t)
  const certificate = makeCertificate(folder, 'relay', ['postern.test'])
  const hop = makeCertificate(folder, 'hop', ['127.0.0.1'])
  const sink = await startSink(t, { tls: hop })
  const key = join(folder, 'receipts.pem')
  assert.equal((await run(POSTERN, ['receipt', 'keygen', '--out', key])).code, 0)
  const text = join(folder, 'tagline.txt')
  writeFileSync(text, 'Sent by Trust A.\n')
  const port = await freePort()
  const more = { inspect: [{ headers: {} }, { tagline: { text } }], receipts: { key } }
  const daemon = await startDaemon(
    t,
    relayConfig({ port, nextHop: sink.port, certificate, clientTls: 'required', more }),
  )

  const { bytes, id: messageId } = mail({ body: 'Small and large.\r\n', subject: 'Mrs Smith' })
  const large = mail({ body: 'A line of sixty characters, over and over, until it is long\r\n'.repeat(20_000) })
  for (const sent of [bytes, large.bytes]) {
    const id = queueIdIn(await submit({ port, bytes: sent, certificate }))
    const found = await traced(daemon, id)
    const [received, attempt] = ['received', 'attempt'].map((name) => found.events.find(({ event }) => event === name))
    const facts = readReceived(received?.facts ?? {})
    const arrived = await waitFor(() => sink.messages.at(-1), { what: 'the message' })
    assert.equal(facts.sha256.received, sha256(sent), 'as it came')
    assert.equal(facts.sha256.stored, sha256(belowTrace(arrived.content)), 'as it arrived')
    assert.equal(facts.address, '127.0.0.1')
    assert.match(facts.tls?.protocol ?? '', /^TLSv1\.[23]$/)
    const tagline = facts.inspection.find(({ plugin }) => plugin === 'tagline')
    if (tagline?.replaced) {
      assert.equal(tagline.replaced.before, sha256(sent))
      assert.equal(tagline.replaced.after, facts.sha256.stored)
    }
    assert.equal(tagline?.replaced !== null, sent === bytes, 'the large text is left alone')
    const path = readAttempt(attempt?.facts ?? {})
    assert.deepEqual([path.host, path.port], ['127.0.0.1', sink.port])
    assert.match(path.tls === null || path.tls === 'clear' ? '' : path.tls.protocol, /^TLSv1\.3$/)
    await check(id, sha256(sent))
  }

  async function check(id: string, hash: string): Promise<void> {
    const file = join(folder, `${id}.json`)
    assert.equal((await daemon.cli('receipt', id, '--out', file)).code, 0)
    const verified = await run(POSTERN, ['receipt', 'verify', file, '--key', `${key}.pub`, '--json'])
    assert.equal(verified.code, 0, verified.stderr)
    const { receipt } = JSON.parse(verified.stdout)
    assert.deepEqual(
      [receipt.final, receipt.message.sha256Received, receipt.recipients[0].state],
      [true, hash, 'relayed'],
    )
    assert.equal(receipt.recipients[0].path.tls.protocol, 'TLSv1.3')
    assert.ok(receipt.ledger.entries.length >= 2, 'the record numbers its entries')
    assert.match(receipt.ledger.hash, /^[0-9a-f]{64}$/, 'and chains them')
  }

  const found = await daemon.cli('trace', '--message-id', messageId, '--plain')
  assert.match(found.stdout, /Accepted from tests \(127\.0\.0\.1\) at .* over TLS 1\.[23]\.\n/)
  assert.match(found.stdout, /[Tt]agline changed the content/)
  assert.match(found.stdout, /Handed on to 127\.0\.0\.1 .* over TLS 1\.3, its certificate not verified/)
  assert.doesNotMatch(
    `${found.stdout}${JSON.stringify(await daemon.json('trace', '--client', 'tests'))}`,
    /Mrs Smith|Small and large/,
  )
})

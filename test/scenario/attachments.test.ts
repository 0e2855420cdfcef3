import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { freePort } from '../support/ports.ts'
import { startSink } from '../support/sink.ts'
import { queueIdIn, submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'
import { multipart, withFiles } from '../unit/inspect/attachments-messages.ts'

/** Published files lie beside the project: `../shared/corpora`, or where POSTERN_CORPORA says. */
const FOLDER = `${process.env.POSTERN_CORPORA ?? fileURLToPath(new URL('../../../shared/corpora', import.meta.url))}/attachments`
const skip = existsSync(`${FOLDER}/manifest.tsv`)
  ? false
  : 'the corpus of attachments is not on this machine; POSTERN_CORPORA names the folder of suites'

const file = (name: string) => ({ name, bytes: readFileSync(`${FOLDER}/${name}`) })

if (skip && process.env.CI) throw new Error(skip)

test('what nobody can read is refused with its name, what cannot be understood is held, and all else passes as it came', {
  skip,
}, async (t) => {
  const sink = await startSink(t)
  const port = await freePort()
  const inspect = [
    {
      attachments: {
        advice: 'Use https://files.example.test for what must be encrypted.',
        exceptions: [{ clients: ['tests'], senders: ['client.test'], recipients: ['secure.test'] }],
      },
    },
  ]
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port, more: { inspect } }))
  const send = (text: string, to?: string | string[]) =>
    submit({ port, bytes: Buffer.from(text, 'latin1'), ...(to !== undefined && { to }) })

  const zip = withFiles(file('libarchive-zip_winzip_aes256.zip'))
  await assert.rejects(send(zip), (error: Error & { response?: string }) => {
    const text = `${error.response}`.replace(/\r?\n550[- ]5\.7\.1/g, '')
    assert.match(
      text,
      /^550-5\.7\.1 The attachment "libarchive-zip_winzip_aes256\.zip > \S+" is encrypted \(ZIP archive: /,
    )
    assert.match(
      text,
      /Send it again without a password, .* Use https:\/\/files\.example\.test for what must be encrypted\.$/,
    )
    return true
  })
  for (const name of ['tika-testWORD_protected_passtika.docx', 'libarchive-7zip_encryption_header.7z']) {
    await assert.rejects(send(withFiles(file(name))), /5\.7\.1 The attachment "[^"]+" is encrypted/)
  }

  // between two domains that may, and to nobody else
  await assert.rejects(send(zip, ['a@secure.test', 'b@next.test']), /is encrypted/)
  const excepted = queueIdIn(await send(zip, 'a@secure.test'))
  await waitFor(() => sink.messages.length === 1, { what: 'the message between secure domains' })
  assert.match(JSON.stringify(await daemon.json('trace', excepted)), /"excepted":\["encrypted"\]/)

  const pdf = withFiles(file('clean-tika-testPDF.pdf'), file('clean-tika-testWORD.docx'))
  const id = queueIdIn(await send(pdf))
  const passed = await waitFor(() => sink.messages[1], { what: 'the clean message' })
  assert.ok(passed.content.toString('latin1').endsWith(`\r\n${pdf}`), 'byte for byte')
  assert.match(
    JSON.stringify(await daemon.json('trace', id)),
    /"plugin":"attachments".*"state":"clean".*"files":\[\{"format":"PDF document"/,
  )

  assert.doesNotMatch(
    JSON.stringify(await daemon.json('trace', id)),
    /testPDF/,
    'names of files may be those of patients',
  )

  const part = 'Content-Type: text/plain\r\n\r\nHello'
  const broken = multipart([part], 'multipart/mixed; boundary="other"')
  const held = queueIdIn(await send(broken))
  assert.match((await daemon.cli('queue', 'show', held)).stdout, /held[\s\S]*programs read differently/)
  assert.equal(sink.messages.length, 2)
})

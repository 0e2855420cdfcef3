import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import Sqlite from 'better-sqlite3'
import { relayConfig } from '../support/config.ts'
import { Daemon, POSTERN } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { defer } from '../support/scope.ts'
import { startSink } from '../support/sink.ts'
import { queueIdIn, submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

test('An operator verifies the signed record while the relay runs and after it, and a changed entry is found', async (t) => {
  const sink = await startSink(t)
  const port = await freePort()
  const folder = temporaryFolder(t)
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(join(folder, 'ledger.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  const daemon = new Daemon(folder, relayConfig({ port, nextHop: sink.port, more: { ledger: { key: 'ledger.pem' } } }))
  defer(t, () => daemon.stop())
  const verify = (...args: string[]) =>
    run(POSTERN, ['ledger', 'verify', '--config', daemon.configFile, '--state', daemon.stateDir, ...args])
  await daemon.start()
  const id = queueIdIn(await submit({ port, bytes: mail().bytes, to: ['=sum@next.test', 'b@next.test'] }))
  await waitFor(() => sink.messages.length > 0, { what: 'the message' })
  await waitFor(async () => (await daemon.queue()).length === 0, { what: 'an empty queue' })

  const checkpoint = await waitFor(() => daemon.logLines.find(({ msg }) => msg === 'ledger checkpoint'), {
    what: 'a checkpoint in the log',
  })
  const running = await verify('--with-spool', '--expect', `${checkpoint.entry}:${checkpoint.hash}`)
  assert.equal(running.code, 0, running.stdout + running.stderr)
  assert.match(running.stdout, /with a good signature\n[\s\S]*All is as it was written\./)

  const csv = await daemon.cli('trace', '--event', 'relayed', '--since', '1h', '--csv')
  const [head, ...lines] = csv.stdout.split('\r\n')
  assert.match(head ?? '', /^queue id,received,client,sender,recipient,size,message-id,event,at,reason,owner,state/)
  assert.equal(lines.length, 3, csv.stdout + csv.stderr)
  assert.match(lines[0] ?? '', new RegExp(`^${id},[^,]+,tests,[^,]+,'=sum@next\\.test,`))
  const found = (await daemon.json('trace', '--in-state', 'relayed', '--since', '1h')) as { messages: unknown[] }
  assert.equal(found.messages.length, 1)
  assert.equal((await daemon.cli('trace', '--in-state', 'held', '--since', '1h')).stdout, '')

  await daemon.stop()
  const file = join(daemon.stateDir, 'ledger', 'ledger.db')
  const copy = join(folder, 'copy.db')
  copyFileSync(file, copy)
  const db = new Sqlite(copy)
  db.exec("UPDATE entry SET data = replace(data, 'b@next.test', 'x@next.test') WHERE id = 1")
  db.close()
  const altered = await verify('--file', copy, '--json')
  assert.equal(altered.code, 1)
  const report = JSON.parse(altered.stdout)
  assert.deepEqual(
    [report.ok, report.problems.length, report.problems[0].what, report.problems[0].queueId],
    [false, 1, 'altered', id],
  )
  assert.equal((await verify('--with-spool')).code, 0, 'the original is whole')
  assert.equal((await verify('--expect', `1:${'0'.repeat(64)}`)).code, 1)
  assert.equal((await verify('--file', join(folder, 'nothing.db'))).code, 1)
})

test('A record that is damaged stops no mail: it is set aside, a new one begins, and both can be verified', async (t) => {
  const sink = await startSink(t)
  const port = await freePort()
  const daemon = new Daemon(temporaryFolder(t), relayConfig({ port, nextHop: sink.port }))
  defer(t, () => daemon.stop())
  await daemon.start()
  await submit({ port, bytes: mail().bytes })
  await waitFor(async () => sink.messages.length === 1 && (await daemon.queue()).length === 0, {
    what: 'the first message',
  })
  await daemon.stop()
  const file = join(daemon.stateDir, 'ledger', 'ledger.db')
  writeFileSync(file, Buffer.alloc(8192, 0x5a), { flag: 'r+' })
  await daemon.start()
  await submit({ port, bytes: mail().bytes })
  await waitFor(() => sink.messages.length === 2, { what: 'the second message' })
  const told = daemon.logLines.find(({ msg }) => /^The ledger was damaged and a new one begun/.test(String(msg)))
  assert.notEqual(told, undefined, daemon.log)
  const found = (await daemon.json('trace', '--since', '1h')) as { messages: unknown[] }
  assert.equal(found.messages.length, 2, 'the spool still had what it told of the first')
  const [, aside = ''] = /kept as (\S+);/.exec(String(told?.msg)) ?? []
  const verify = (...args: string[]) =>
    run(POSTERN, ['ledger', 'verify', '--config', daemon.configFile, '--state', daemon.stateDir, ...args])
  const fresh = await verify('--with-spool')
  assert.equal(fresh.code, 0, fresh.stdout + fresh.stderr)
  const broken = await verify('--file', aside)
  assert.deepEqual([broken.code, broken.stderr], [1, `${aside} cannot be read: file is not a database\n`])
})

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { need } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { startDaemon } from '../support/daemon.ts'
import { temporaryFolder } from '../support/folder.ts'
import { AUTHORITY, issue, MAIL_USE, openssl } from '../support/openssl.ts'
import { freePort } from '../support/ports.ts'

interface Listed {
  readonly certificates: readonly { readonly address: string; readonly fingerprint: string; readonly state: string }[]
}

test("An operator adds recipients' certificates, is told what is wrong with others, and withdraws one for good", async (t) => {
  if (!need(t, 'openssl')) return
  const folder = temporaryFolder(t)
  const authority = issue(folder, 'authority', { extensions: AUTHORITY })
  const more = { by: authority, extensions: MAIL_USE }
  const ward = issue(folder, 'ward', { ...more, emails: ['ward7@city.example'], days: 20 })
  const gp = issue(folder, 'gp', { ...more, days: 400 })
  const clinic = issue(folder, 'clinic', { ...more, emails: ['clinic@city.example'], days: 400 })
  const ec = issue(folder, 'ec', { ...more, key: 'ec', emails: ['ec@city.example'] })
  const daemon = await startDaemon(t, relayConfig({ port: await freePort(), nextHop: await freePort() }))
  const cli = (...args: string[]) => daemon.cli('certificate', ...args)

  assert.equal((await cli('list')).stdout, 'No certificate.\n')
  const added = await cli('add', ward.pemFile)
  assert.match(
    added.stdout,
    /^\S+ward\.pem:1: ward7@city\.example, until \d{4}-\d\d-\d\d, SHA-256 [0-9a-f]{64}\n1 cert/,
  )
  assert.equal(added.code, 0, added.stderr)

  const nameless = await cli('add', gp.pemFile)
  assert.match(nameless.stdout, /refused: it names no mail address; say whose it is \(--address\)/)
  assert.deepEqual([nameless.code, nameless.stderr], [1, 'Nothing was changed.\n'])
  assert.equal((await cli('add', gp.pemFile, '--address', 'gp@practice.example')).code, 0)
  assert.match((await cli('add', ec.pemFile)).stdout, /its key is of a kind that is not supported \(EC, prime256v1\)/)
  const der = join(folder, 'ward.der')
  writeFileSync(der, openssl(['x509', '-outform', 'DER', '-in', ward.pemFile]))
  assert.match((await cli('add', der)).stdout, /note: it is there already for ward7@city\.example/)

  const several = join(folder, 'several')
  mkdirSync(several)
  writeFileSync(join(several, '1.pem'), `text\n${readFileSync(clinic.pemFile, 'utf8')}more\n${ec.pem}`)
  writeFileSync(join(several, '2.crt'), 'junk')
  const refused = await cli('import', several)
  assert.equal(refused.code, 1)
  assert.match(refused.stdout, /1\.pem:2: clinic@city\.example, until/)
  assert.match(refused.stdout, /1\.pem:2\d: refused: its key is of a kind/)
  assert.match(refused.stdout, /2\.crt: refused: it is no certificate/)
  assert.equal(refused.stderr, '2 certificates wrong: nothing was changed.\n')
  assert.match((await cli('import', several, '--skip-wrong', '--dry-run')).stdout, /0 certificates added/)
  assert.match((await cli('import', several, '--skip-wrong')).stdout, /1 certificate added/)

  const { certificates } = (await daemon.json('certificate', 'list')) as Listed
  assert.deepEqual(
    certificates.map(({ address }) => address),
    ['ward7@city.example', 'gp@practice.example', 'clinic@city.example'],
  )
  assert.match((await cli('list', '--expiring', '30d')).stdout, /ward7@city\.example +usable/)
  assert.doesNotMatch((await cli('list', '--expiring', '30d')).stdout, /gp@/)
  assert.match((await daemon.cli('status')).stdout, /ALARM +certificates: 1 of recipients expire within 30 days/)

  const shown = await cli('show', 'WARD7@city.example')
  assert.match(shown.stdout, /^Address {4}ward7@city\.example\nState {6}usable\n/)
  assert.equal((await cli('show', 'ward7@city.example', '--pem')).stdout, ward.pem)
  assert.equal((await cli('show', 'nobody@city.example')).code, 66)
  assert.equal((await cli('expire', 'nobody@city.example')).code, 66)

  const withdrawn = await cli('expire', certificates[0]?.fingerprint ?? '')
  assert.match(withdrawn.stdout, /^ward7@city\.example: [0-9a-f]{64}\n1 certificate withdrawn\.\n$/, withdrawn.stderr)
  await daemon.stop()
  await daemon.start()
  assert.match((await cli('show', 'ward7@city.example')).stdout, /State {6}withdrawn[\s\S]*Withdrawn {2}20/)
  assert.doesNotMatch((await daemon.cli('status')).stdout, /ALARM/)
})

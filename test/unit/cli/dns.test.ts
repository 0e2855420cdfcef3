import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { stringify } from 'yaml'
import { POSTERN } from '../../support/daemon.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { startNameServer } from '../../support/name-server.ts'
import { run } from '../../support/process.ts'
import type { Zone } from '../../support/zone.ts'

const ZONE: Zone = {
  'relay.royal.test': { a: ['192.0.2.25'], txt: ['v=spf1 ip4:192.0.2.25 -all'] },
  'royal.test': { mx: [[10, 'relay.royal.test']], txt: ['v=spf1 mx -all'] },
  '_dmarc.royal.test': { txt: ['v=DMARC1; p=reject'] },
  '25.2.0.192.in-addr.arpa': { ptr: ['relay.royal.test'] },
}

async function relay(t: TestContext, zone: Zone, more: object = {}) {
  const { server } = await startNameServer(t, zone)
  const file = join(temporaryFolder(t), 'postern.yaml')
  const config = {
    hostname: 'relay.royal.test',
    listeners: [{ port: 25, tls: 'none' }],
    domains: { 'royal.test': { relayTo: 'mx.inside.test' } },
    dns: { servers: [server], timeout: '2s' },
    publish: { addresses: ['192.0.2.25'] },
    ...more,
  }
  writeFileSync(file, stringify(config))
  return (...args: string[]) => run(POSTERN, ['dns', ...args, '--config', file])
}

test('The check exits 0 where all is there, and says it line by line', async (t) => {
  const dns = await relay(t, ZONE)
  const { code, stdout, stderr } = await dns('check')
  assert.equal(code, 0, stdout + stderr)
  assert.equal(stdout.match(/^ok {11}/gm)?.length, 6)
  assert.match(stdout, /^6 ok, 0 missing, 0 different, 0 cannot tell\.$/m)
})

test('The check exits 1 where something differs or is missing, with what is there and what should be', async (t) => {
  const { '_dmarc.royal.test': _, ...rest } = ZONE
  const dns = await relay(t, {
    ...rest,
    'royal.test': { mx: [[10, 'old.royal.test']], txt: ['v=spf1 \u001b[31m-all'] },
  })
  const { code, stdout } = await dns('check', 'royal.test')
  assert.equal(code, 1)
  assert.match(
    stdout,
    /^different {4}MX {5}royal\.test {2}\(mx\)\n.*\n {4}is there: {3}10 old\.royal\.test\n {4}should be: {2}10 relay/m,
  )
  assert.match(stdout, /^missing {6}TXT {4}_dmarc\.royal\.test {2}\(dmarc\)\n {4}should be: {2}v=DMARC1; p=none$/m)
  assert.match(stdout, /\\x1b\[31m/)
  const json = await dns('check', '--json')
  assert.equal(json.code, 1)
  const report = JSON.parse(json.stdout)
  assert.equal(report.ok, false)
  assert.deepEqual(Object.keys(report.findings[0]).sort(), [
    'found',
    'is',
    'name',
    'note',
    'of',
    'purpose',
    'type',
    'wanted',
  ])
})

test('A resolver that fails is no failure of the records', async (t) => {
  const dns = await relay(t, ZONE, { dns: { servers: ['127.0.0.1:9'], timeout: '100ms', attempts: 1 } })
  const { code, stdout } = await dns('check')
  assert.equal(code, 0, stdout)
  assert.match(stdout, /^0 ok, 0 missing, 0 different, 6 cannot tell\.$/m)
})

test('The records are printed without a daemon: with explanations, alone, or for programs', async (t) => {
  const dns = await relay(t, {})
  const told = await dns()
  assert.equal(told.code, 0, told.stderr)
  assert.match(told.stdout, /^; royal\.test\n; No DKIM record/m)
  const alone = await dns('--zone', 'royal.test')
  assert.deepEqual(alone.stdout.trimEnd().split('\n'), [
    'royal.test. IN MX 10 relay.royal.test.',
    'royal.test. IN TXT "v=spf1 ip4:192.0.2.25 -all"',
    '_dmarc.royal.test. IN TXT "v=DMARC1; p=none"',
  ])
  const [group] = JSON.parse((await dns('Royal.TEST.', '--json')).stdout).groups
  assert.equal(group.of, 'royal.test')
  assert.equal(group.records[0].data, '10 relay.royal.test.')
})

test('A domain that is not ours exits 66, a wrong configuration 78', async (t) => {
  const dns = await relay(t, {})
  const stranger = await dns('check', 'other.test')
  assert.deepEqual([stranger.code, stranger.stderr], [66, 'other.test is no domain of this configuration.\n'])
  const wrong = await relay(t, {}, { hostname: 'not a name' })
  assert.equal((await wrong()).code, 78)
  assert.equal((await wrong('check')).code, 78)
})

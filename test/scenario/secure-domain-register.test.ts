import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { relayConfig } from '../support/config.ts'
import { Daemon, startDaemon } from '../support/daemon.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort } from '../support/ports.ts'
import type { Finished } from '../support/process.ts'
import { waitFor } from '../support/wait.ts'
import { HEADER, line } from '../unit/config/secure-domains/support.ts'

// The register of secure domains as an operator keeps it: with the real command and the real daemon.

interface Site {
  readonly file: string
  readonly daemon: Daemon
  domain(...args: string[]): Promise<Finished>
}

const NEXT_YEAR = `${new Date().getUTCFullYear() + 1}-12-01`
const APPROVED = ['--expires-on', NEXT_YEAR, '--approver', 'A. Nightingale', '--approver', 'M. Seacole']
const WHO = ['--requirement', 'verified', '--owner', 'Mail team, Royal', ...APPROVED]
const valid = (domain: string, more: object = {}) => line({ domain, 'expires-on': NEXT_YEAR, ...more })

async function site(t: TestContext, lines: readonly string[] | null, run = true): Promise<Site> {
  const file = join(temporaryFolder(t), 'secure-domains.csv')
  if (lines !== null) writeFileSync(file, `${[HEADER, ...lines].join('\n')}\n`)
  const config = relayConfig({ port: await freePort(), nextHop: 9, more: { secureDomains: { file } } })
  const daemon = run ? await startDaemon(t, config) : new Daemon(temporaryFolder(t), config)
  const domain = (...args: string[]) => daemon.cli('domain', ...args, '--config', daemon.configFile)
  return { file, daemon, domain }
}

test('A domain that was added is in force at once, with its line at the end of the file.', async (t) => {
  const { file, daemon, domain } = await site(t, ['# hospitals', valid('a.test')])
  const before = readFileSync(file, 'utf8')
  const added = await domain('add', 'Royal.test', '--subdomains', ...WHO)
  assert.deepEqual([added.code, added.stdout], [0, 'royal.test was entered. In force.\n'], added.stderr)
  const after = readFileSync(file, 'utf8')
  assert.ok(after.startsWith(before))
  assert.match(after.slice(before.length), /^royal\.test,yes,verified,,TLSv1\.2,,,"Mail team, Royal",2/)
  assert.equal((await daemon.status()).lastReload?.ok, true)
  const shown = await domain('show', 'ward7.royal.test')
  assert.equal(shown.code, 0)
  assert.match(shown.stdout, /^ward7\.royal\.test is secure, by the entry royal\.test\./)
  assert.match(shown.stdout, /Approved by {2}A\. Nightingale and M\. Seacole/)
  assert.equal((await domain('show', 'elsewhere.test')).code, 66)
})

test('An entry without two approvers, a known requirement or a day to come is refused, and nothing is written.', async (t) => {
  const { file, domain } = await site(t, [valid('a.test')], false)
  const before = readFileSync(file, 'utf8')
  const refused = async (says: RegExp, ...args: string[]) => {
    const { code, stderr } = await domain('add', ...args)
    assert.equal(code, 64, stderr)
    assert.match(stderr, says)
  }
  await refused(/Two people approve each entry/, 'b.test', ...WHO.slice(0, -2))
  await refused(/--approver \(the second\): expected another person/, 'b.test', ...WHO.slice(0, -1), 'a nightingale')
  await refused(/--requirement: expected verified, dane or pinned; found nothing/, 'b.test', ...APPROVED)
  await refused(/--fingerprint: expected at least one/, 'b.test', ...WHO, '--requirement', 'pinned')
  await refused(/2020-01-02 is over/, 'b.test', ...WHO, '--reviewed-on', '2020-01-01', '--expires-on', '2020-01-02')
  await refused(/is still to come/, 'b.test', ...WHO, '--reviewed-on', NEXT_YEAR.replace('12-01', '11-30'))
  await refused(/Expected a domain name/, 'b..test', ...WHO)
  const again = await domain('add', 'a.test', ...WHO)
  assert.equal(again.code, 1)
  assert.match(again.stderr, /a\.test has an entry already; --replace changes it/)
  assert.equal(readFileSync(file, 'utf8'), before)
})

test('A review takes over what it does not say; what protects less is shown, and needs a yes.', async (t) => {
  const { domain } = await site(t, [valid('a.test', { 'min-tls': 'TLSv1.3', 'next-hop': 'mx.a.test:2525' })], false)
  const renewed = await domain('add', 'a.test', '--replace', ...APPROVED, '--subdomains', '--json')
  assert.equal(renewed.code, 0, renewed.stderr)
  const { minTls, nextHop, subdomains, standing, inForce, note } = JSON.parse(renewed.stdout)
  assert.deepEqual(
    [minTls, nextHop, subdomains, standing, inForce],
    ['TLSv1.3', 'mx.a.test:2525', true, 'secure', false],
  )
  assert.match(note, /no daemon runs: it counts from the next start/)
  const less = await domain('add', 'a.test', '--replace', ...APPROVED, '--min-tls', 'TLSv1.2')
  assert.equal(less.code, 64)
  assert.match(
    less.stderr,
    /a\.test: min-tls: TLSv1\.3 becomes TLSv1\.2\n.*less than now\?\nThere is nobody to ask here/,
  )
  const agreed = await domain('add', 'a.test', '--replace', ...APPROVED, '--min-tls', 'TLSv1.2', '--yes')
  assert.equal(agreed.code, 0, agreed.stderr)
})

test('The first entry makes the file that the configuration names, and the daemon starts only then.', async (t) => {
  const { file, daemon, domain } = await site(t, null, false)
  await assert.rejects(daemon.start(), /secureDomains\.file: .*is not there: .*postern domain add/)
  const added = await domain('add', 'a.test', ...WHO)
  assert.match(added.stdout, /a\.test was entered\. Written; no daemon runs: it counts from the next start\./)
  assert.ok(existsSync(file))
  t.after(() => daemon.stop())
  await daemon.start()
})

test('A retired domain is no longer secure, and the file says who retired it and why.', async (t) => {
  const { file, domain } = await site(t, [valid('a.test'), valid('b.test')])
  const asked = await domain('retire', 'a.test', '--reason', 'merged')
  assert.equal(asked.code, 64)
  assert.match(asked.stderr, /Retire a\.test\? Mail for a\.test then needs no proven path\.\nThere is nobody to ask/)
  const retired = await domain('retire', 'a.test', '--reason', 'merged', '--yes')
  assert.deepEqual([retired.code, retired.stdout], [0, 'a.test is retired. In force.\n'])
  assert.match(readFileSync(file, 'utf8'), /^# 2\S+ a\.test retired by \S.*: merged\na\.test,.*,retired\nb\.test/m)
  assert.match((await domain('show', 'a.test')).stdout, /a\.test is not secure: its own entry is retired\./)
  const standings = async (...more: string[]) => {
    const { domains } = JSON.parse((await domain('list', '--json', ...more)).stdout)
    return domains.map((each: { domain: string; standing: string }) => `${each.domain} ${each.standing}`)
  }
  assert.deepEqual(await standings(), ['b.test secure'])
  assert.deepEqual(await standings('--all'), ['a.test retired', 'b.test secure'])
  assert.deepEqual(await standings('--expiring', '30d'), [])
  assert.equal((await domain('retire', 'c.test', '--reason', 'gone', '--yes')).code, 66)
  assert.match((await domain('retire', 'a.test', '--reason', 'again', '--yes')).stdout, /was retired before/)
})

test('An import with one wrong line tells every mistake and changes nothing.', async (t) => {
  const { file, domain } = await site(t, [valid('a.test')])
  const before = readFileSync(file, 'utf8')
  const source = join(temporaryFolder(t), 'region.csv')
  writeFileSync(source, [HEADER, valid('b.test'), valid('c.test', { status: 'on' }), valid('b.test')].join('\n'))
  const imported = await domain('import', source, '--yes')
  assert.equal(imported.code, 1)
  const [first, second, last] = imported.stderr.trimEnd().split('\n')
  assert.match(first ?? '', /region\.csv:3:\d+: status: expected active or retired; found 'on'$/)
  assert.match(second ?? '', /region\.csv:4:1: domain: b\.test stands on line 2 already/)
  assert.match(last ?? '', /2 mistakes in .*: nothing was changed\./)
  assert.equal(readFileSync(file, 'utf8'), before)
})

test('An import adds and changes, leaves what it does not name, and asks before it does.', async (t) => {
  const { file, domain } = await site(t, ['# ours', valid('a.test', { requirement: 'dane' }), valid('keep.test')])
  const source = join(temporaryFolder(t), 'region.csv')
  writeFileSync(source, `${[HEADER, valid('a.test'), valid('b.test')].join('\n')}\n`)
  const counts = '1 added, 1 changed, 0 unchanged, 1 not in the file and left as they are'
  const dry = await domain('import', source, '--dry-run')
  assert.equal(dry.stdout, `${counts}.\nless protected: a.test: requirement: dane becomes verified\n`)
  const asked = await domain('import', source)
  assert.equal(asked.code, 64)
  assert.ok(asked.stderr.includes(`Import: ${counts}?`), asked.stderr)
  const done = await domain('import', source, '--yes')
  assert.deepEqual([done.code, done.stdout], [0, `${counts}. In force.\n`], done.stderr)
  const [, comment, a, keep, b] = readFileSync(file, 'utf8').split('\n')
  assert.deepEqual([comment, a, keep, b], ['# ours', valid('a.test'), valid('keep.test'), valid('b.test')])
  const again = await domain('import', source, '--yes')
  assert.match(again.stdout, /^0 added, 0 changed, 2 unchanged/)
})

test('Two who add at the same time both succeed.', async (t) => {
  const { file, domain } = await site(t, [valid('a.test')])
  const both = await Promise.all(['b.test', 'c.test'].map((name) => domain('add', name, ...WHO)))
  for (const { code, stderr } of both) assert.equal(code, 0, stderr)
  const domains = readFileSync(file, 'utf8').match(/^[abc]\.test,/gm)
  assert.deepEqual(domains?.sort(), ['a.test,', 'b.test,', 'c.test,'])
})

test('A register with a mistake refuses start, reload and every command, and the old one stays in force.', async (t) => {
  const { file, daemon, domain } = await site(t, [valid('a.test')])
  writeFileSync(file, `${HEADER}\n${valid('a.test', { status: 'off' })}\n`)
  const reloaded = await daemon.cli('reload')
  assert.equal(reloaded.code, 78)
  assert.match(reloaded.stderr, /secure-domains\.csv:2:\d+: status: expected active or retired; found 'off'/)
  const added = await domain('add', 'b.test', ...WHO)
  assert.equal(added.code, 78)
  assert.match(added.stderr, /secure-domains\.csv:2:\d+: status:/)
  await daemon.stop()
  await assert.rejects(daemon.start(), /secure-domains\.csv:2:/)
})

test('Where the rest of the configuration keeps the daemon from reloading, the command says that it is not in force.', async (t) => {
  const { daemon, domain } = await site(t, [valid('a.test')])
  const { port } = relayPort(await daemon.status())
  const config = relayConfig({ port, nextHop: 9, more: { secureDomains: { file: join(daemon.folder, 'none.csv') } } })
  daemon.write({ ...config, inspect: [{ module: '/nowhere/plugin.js' }] })
  const added = await domain('add', 'b.test', ...WHO)
  assert.equal(added.code, 78, added.stdout)
  assert.match(
    added.stdout,
    /b\.test was entered\. Written; not in force: the daemon goes on with the old configuration\./,
  )
})

const relayPort = ({ listeners }: { listeners: readonly { port: number }[] }) => ({ port: listeners[0]?.port ?? 0 })

test('The status warns of a domain that soon expires, and of one that has, until it is reviewed.', async (t) => {
  const soon = new Date(Date.now() + 10 * 86_400_000).toISOString().slice(0, 10)
  const expired = line({ domain: 'late.test', 'reviewed-on': '2020-01-01', 'expires-on': '2021-01-01' })
  const { daemon, domain } = await site(t, [valid('a.test'), valid('soon.test', { 'expires-on': soon }), expired])
  const { alarms } = await daemon.status()
  assert.equal(alarms.length, 2, alarms.join())
  assert.match(alarms[0] ?? '', /^secure domain late\.test expired on 2021-01-01 and is not secure any more/)
  assert.match(alarms[1] ?? '', /^secure domain soon\.test expires on \S+, in (9|10) days/)
  const { domains } = JSON.parse((await domain('list', '--expiring', '30d', '--json')).stdout)
  assert.deepEqual(
    domains.map((each: { domain: string; standing: string }) => `${each.domain} ${each.standing}`),
    ['late.test expired', 'soon.test secure'],
  )
  for (const name of ['soon.test', 'late.test']) {
    const reviewed = await domain('add', name, '--replace', ...APPROVED)
    assert.equal(reviewed.code, 0, reviewed.stderr)
  }
  assert.deepEqual((await daemon.status()).alarms, [])
})

test('Without the key in the configuration a command says what to add.', async (t) => {
  const daemon = new Daemon(temporaryFolder(t), relayConfig({ port: await freePort(), nextHop: 9 }))
  const { code, stderr } = await daemon.cli('domain', 'list', '--config', daemon.configFile)
  assert.equal(code, 78)
  assert.match(
    stderr,
    /names no register of secure domains\. Add to it:\n {2}secureDomains: \{ file: secure-domains\.csv \}/,
  )
})

test('A register that was cut short is not taken by a reload; what is asked for less than before stands in the log.', async (t) => {
  const royal = (more: object = {}) => valid('royal.test', { subdomains: 'yes', 'min-tls': 'TLSv1.3', ...more })
  const { file, daemon, domain } = await site(t, [valid('a.test'), royal(), valid('ward.royal.test')])
  const write = (...lines: readonly string[]) => writeFileSync(file, `${[HEADER, ...lines].join('\n')}\n`)
  write(valid('a.test'))
  const cut = await daemon.cli('reload')
  assert.equal(cut.code, 78)
  assert.match(cut.stderr, /royal\.test is secure now and is not in the register any more: put it back.*domain retire/)
  assert.match(cut.stderr, /ward\.royal\.test is secure now/)
  assert.match((await domain('explain', 'royal.test')).stdout, /register/)

  write(valid('a.test'), royal({ 'min-tls': 'TLSv1.2' }))
  const covered = await daemon.cli('reload')
  assert.equal(covered.code, 0, 'a name that an entry above covers may lose its own')
  await waitFor(() => daemon.log.includes('asks for less than before'), { what: 'the line in the log' })
  assert.match(daemon.log, /royal\.test: min-tls: TLSv1\.3 becomes TLSv1\.2/)

  write(valid('a.test'), royal({ status: 'retired' }))
  assert.equal((await daemon.cli('reload')).code, 0)
  write(valid('a.test'))
  assert.equal((await daemon.cli('reload')).code, 0, 'what was retired may go')
})

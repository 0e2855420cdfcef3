import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { checkEnvironment } from '../../../src/config/check/environment.ts'
import { formatFinding } from '../../../src/config/check/finding.ts'
import type { Config } from '../../../src/config/config.ts'
import { makeSelfSigned, type SelfSigned } from '../../../src/net/certificate.ts'
import { manualClock } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { load } from './support.ts'

const NOW = Date.UTC(2026, 10, 2)
const DAY = 86_400_000
let own: SelfSigned
let other: SelfSigned

before(async () => {
  own = await makeSelfSigned({ names: ['relay.example.test'], now: NOW })
  other = await makeSelfSigned({ names: ['other.example.test'], now: NOW })
})

interface Machine {
  readonly folder: string
  readonly certificate: string
  readonly key: string
}

/** A folder with a certificate and its key, as they should be. */
function machine(t: TestContext): Machine {
  const folder = temporaryFolder(t)
  const files = { folder, certificate: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') }
  writeFileSync(files.certificate, own.certificate)
  writeFileSync(files.key, own.key, { mode: 0o600 })
  return files
}

function config({ folder, certificate, key }: Machine, more: Readonly<Record<string, unknown>> = {}): Config {
  const text = JSON.stringify({
    hostname: 'relay.example.test',
    listeners: [{ address: '127.0.0.1', port: 0 }],
    tls: { certificate, key },
    spool: { reserve: '0B' },
    metrics: { listen: 'off' },
    ...more,
  })
  const result = load(text, { stateDir: join(folder, 'state'), env: { SECRET: 'x' } })
  assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.problems))
  return result.config
}

async function found(what: Config, now = NOW): Promise<string[]> {
  return (await checkEnvironment(what, manualClock(now))).map(formatFinding)
}

test('a machine that fits its configuration has no findings', async (t) => {
  assert.deepEqual(await found(config(machine(t))), [])
})

test('a finding says what, where and what to do', async (t) => {
  const made = machine(t)
  const [text] = await found(config({ ...made, key: join(made.folder, 'missing.pem') }))
  assert.match(text ?? '', /^error: tls\.key: .*missing\.pem: cannot be read: it is not there\. Put it there/)
})

test('a certificate and a key that do not belong together are an error', async (t) => {
  const made = machine(t)
  writeFileSync(made.key, other.key)
  assert.match(
    (await found(config(made))).join('\n'),
    /error: tls\.key: .* is not the key of the certificate in .*certificate\.pem/,
  )
})

test('files that hold something else are errors, each reported once', async (t) => {
  const made = machine(t)
  writeFileSync(made.certificate, 'nothing')
  assert.match(
    (await found(config(made))).join('\n'),
    /^error: tls\.certificate: \S+ holds no certificate in PEM[^\n]*$/,
  )
  writeFileSync(made.certificate, own.certificate)
  writeFileSync(made.key, 'nothing')
  assert.match(
    (await found(config(made))).join('\n'),
    /^error: tls\.key: \S+ holds no private key that can be read[^\n]*$/,
  )
})

test('a certificate that expires within thirty days is a warning, one that has expired an error', async (t) => {
  const what = config(machine(t))
  const expiry = NOW + 365 * DAY
  assert.deepEqual(await found(what, expiry - 30 * DAY - 1), [])
  assert.match(
    (await found(what, expiry - 30 * DAY))[0] ?? '',
    /^warning: tls\.certificate: .* expires on 2027-11-02, in 30 days/,
  )
  assert.match((await found(what, expiry + 1))[0] ?? '', /^error: tls\.certificate: .* expired on 2027-11-02/)
  assert.match((await found(what, NOW - DAY))[0] ?? '', /^error: tls\.certificate: .* is valid only from/)
})

test('a certificate for another name is a warning', async (t) => {
  const made = machine(t)
  writeFileSync(made.certificate, other.certificate)
  writeFileSync(made.key, other.key)
  assert.match(
    (await found(config(made)))[0] ?? '',
    /^warning: tls\.certificate: .* is for other\.example\.test, not for relay/,
  )
})

test('a key or password file that everybody can open is a warning', async (t) => {
  const made = machine(t)
  const secret = join(made.folder, 'secret')
  writeFileSync(secret, 'hunter2\n')
  chmodSync(secret, 0o644)
  chmodSync(made.key, 0o644)
  const login = { user: 'a', passwordFile: secret }
  const lines = await found(config(made, { routes: { default: { hosts: 'a.test', tls: 'required', login } } }))
  assert.match(lines[0] ?? '', /^warning: routes\.default\.login\.passwordFile: .* can be opened by every user/)
  assert.match(lines[1] ?? '', /^warning: tls\.key: .* can be opened by every user .* chmod o= /)
  chmodSync(made.key, 0o640)
  chmodSync(secret, 0o600)
  assert.deepEqual(await found(config(made)), [])
})

test('authorities that are missing or hold no certificate are errors', async (t) => {
  const made = machine(t)
  const empty = join(made.folder, 'empty.pem')
  writeFileSync(empty, '')
  const routes = { domains: { 'a.test': { tls: 'required', authorities: '/nonexistent/ca.pem' } } }
  const tls = { certificate: made.certificate, key: made.key, clientCa: empty }
  const lines = (await found(config(made, { routes, tls }))).join('\n')
  assert.match(lines, /error: routes\.domains\.a\.test\.authorities: \/nonexistent\/ca\.pem: cannot be read/)
  assert.match(lines, /error: tls\.clientCa: .*empty\.pem: holds no certificate/)
})

test('a port that another program has is an error, unless a daemon answers on the admin socket', async (t) => {
  const made = machine(t)
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.after(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const what = config(made, { listeners: [{ address: '127.0.0.1', port }] })
  assert.match(
    (await found(what))[0] ?? '',
    new RegExp(`^error: listeners\\[0\\]: 127\\.0\\.0\\.1:${port}: another program listens there`),
  )
  mkdirSync(what.state.dir)
  const daemon = createServer((socket) => socket.end()).listen(what.admin.socket)
  await once(daemon, 'listening')
  t.after(() => daemon.close())
  assert.deepEqual(await found(what), [])
})

test('an address that is not this machine is an error', async (t) => {
  // TEST-NET-1, RFC 5737: no machine has it
  const lines = await found(config(machine(t), { metrics: { listen: '192.0.2.1:9825' } }))
  assert.match(lines[0] ?? '', /^error: metrics\.listen: 192\.0\.2\.1:9825: this machine has no such address/)
})

test('a state folder that is a file is an error', async (t) => {
  const made = machine(t)
  writeFileSync(join(made.folder, 'state'), '')
  assert.match(
    (await found(config(made)))[0] ?? '',
    /^error: state\.dir: .*state: cannot be written: a part of the path is no folder/,
  )
})

test('less free disk than the reserve is an error', async (t) => {
  const [line] = await found(config(machine(t), { spool: { reserve: '1048576GiB' } }))
  assert.match(line ?? '', /^error: spool\.reserve: .* less than the reserve of 1048576GiB: new mail would be deferred/)
})

test('a plugin module that is not there, or is a folder, is an error', async (t) => {
  const made = machine(t)
  writeFileSync(join(made.folder, 'right.js'), '', { mode: 0o644 })
  const inspect = ['right.js', 'missing.js', '.'].map((name) => ({ module: join(made.folder, name) }))
  const lines = await found(config(made, { inspect }))
  assert.equal(lines.length, 2)
  assert.match(lines[0] ?? '', /^error: inspect\[1\]\.module: .*missing\.js: cannot be read: it is not there/)
  assert.match(lines[1] ?? '', /^error: inspect\[2\]\.module: .*cannot be read: it is a folder/)
})

test('a private key that is not there, or that others can read, is an error', async (t) => {
  const made = machine(t)
  const file = (name: string, mode: number) => {
    writeFileSync(join(made.folder, name), '', { mode })
    return join(made.folder, name)
  }
  const keys = [0o600, 0o640].map((mode, i) => ({ domain: 'a.test', selector: 's', key: file(`${i}.pem`, mode) }))
  const lines = await found(config(made, { inspect: [{ sign: { selector: 's', key: '/nonexistent.pem', keys } }] }))
  assert.equal(lines.length, 2)
  assert.match(lines[0] ?? '', /^error: inspect\[0\]\.sign\.key: .*nonexistent\.pem: cannot be read: it is not there/)
  assert.match(lines[1] ?? '', /^error: inspect\[0\]\.sign\.keys\[1\]\.key: .*1\.pem: can be read by others/)
})

test('a plugin module that others can write to, or a list that is not there, is an error', async (t) => {
  const made = machine(t)
  const module = join(made.folder, 'ours.js')
  writeFileSync(module, '')
  chmodSync(module, 0o664)
  const lines = await found(config(made, { inspect: [{ module }, { senders: { file: '/nonexistent/list' } }] }))
  assert.match(lines[0] ?? '', /^error: inspect\[0\]\.module: .* can be written by others .* chmod go-w/)
  assert.match(lines[1] ?? '', /^error: inspect\[1\]\.senders\.file: \/nonexistent\/list: cannot be read/)
})

test('a name that no other server would take seriously is a warning', async (t) => {
  const tls = { listeners: [{ address: '127.0.0.1', port: 0, tls: 'none' }], tls: {} }
  const made = machine(t)
  for (const hostname of ['relay', 'relay.localdomain']) {
    assert.match((await found(config(made, { ...tls, hostname })))[0] ?? '', /^warning: hostname: /, hostname)
  }
})

test('errors come before warnings', async (t) => {
  const lines = await found(config(machine(t), { hostname: 'relay', inspect: [{ module: '/nonexistent.js' }] }))
  assert.deepEqual(
    lines.map((line) => line.split(':')[0]),
    ['error', 'warning', 'warning'],
  )
})

import assert from 'node:assert/strict'
import { chmodSync, chownSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { POSTERN } from '../../support/daemon.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { run } from '../../support/process.ts'

const NOBODY = 65_534
// root, but bound by file permissions like everybody else: another user might not be able to read this checkout
const POWERLESS = ['setpriv', '--bounding-set=-dac_override,-dac_read_search']
const bare = { PATH: process.env.PATH }

async function listenAt(t: TestContext, path: string): Promise<void> {
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.after(() => server.close())
}

test('A command says plainly that the daemon is not running, and where it looked', async (t) => {
  const folder = temporaryFolder(t)
  const { code, stdout, stderr } = await run(POSTERN, ['status', '--socket', join(folder, 'admin.sock')])
  assert.equal(code, 69)
  assert.equal(stdout, '')
  assert.ok(stderr.startsWith(`The daemon is not running (no one listens at ${folder}/admin.sock). Start it with: `))
})

test('A socket that a dead daemon left behind counts as not running', async (t) => {
  const socket = join(temporaryFolder(t), 'admin.sock')
  const leave = `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`
  await run(process.execPath, ['--eval', leave])
  const { code, stderr } = await run(POSTERN, ['queue', 'list', '--socket', socket])
  assert.equal(code, 69)
  assert.match(stderr, /^The daemon is not running/)
})

test('Without permission for the socket a command says so', async (t) => {
  const socket = join(temporaryFolder(t), 'admin.sock')
  await listenAt(t, socket)
  chmodSync(socket, 0o600)
  const isRoot = process.getuid?.() === 0
  if (isRoot) chownSync(socket, NOBODY, NOBODY)
  else chmodSync(socket, 0o000)
  const command = [POSTERN, 'status', '--socket', socket]
  const [program = '', ...args] = isRoot ? [...POWERLESS, ...command] : command
  const { code, stderr } = await run(program, args)
  assert.equal(code, 77)
  assert.match(stderr, /^You may not talk to the daemon: no permission for .*admin\.sock\./)
})

test('A record that this user may not see is not said to be gone', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'ledger.db')
  const verify = () => {
    const command = [POSTERN, 'ledger', 'verify', '--file', file]
    const [program = '', ...args] = process.getuid?.() === 0 ? [...POWERLESS, ...command] : command
    return run(program, args)
  }
  assert.equal((await verify()).stderr, `there is no file ${file}\n`)
  writeFileSync(file, '')
  chmodSync(file, 0)
  if (process.getuid?.() === 0) chownSync(file, NOBODY, NOBODY)
  assert.equal((await verify()).stderr, `${file} may not be read by this user: run it as the daemon's\n`)
})

test('The socket is found by --socket, the environment, or the configuration, in this order', async (t) => {
  const folder = temporaryFolder(t)
  const where = async (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const { stderr } = await run(POSTERN, ['status', ...args], { env: { ...bare, ...env } })
    return /no one listens at (\S+)\)/.exec(stderr)?.[1]
  }
  const config = join(folder, 'postern.yaml')
  writeFileSync(config, 'state: { dir: data }\n')
  assert.equal(await where(['--config', config]), `${folder}/data/admin.sock`)
  assert.equal(await where(['--config', config, '--state', `${folder}/other`]), `${folder}/other/admin.sock`)
  assert.equal(await where([], { POSTERN_CONFIG: config }), `${folder}/data/admin.sock`)
  writeFileSync(config, 'admin: { socket: run/a.sock }\nlisteners: [wrong\n  : :')
  assert.equal(await where(['--config', config, '--socket', '/a.sock'], { POSTERN_SOCKET: '/b.sock' }), '/a.sock')
  assert.equal(await where(['--config', config], { POSTERN_SOCKET: '/b.sock' }), '/b.sock')
  writeFileSync(config, "admin: { socket: run/a.sock }\nqueue: { lifetime: 'nonsense' }\n")
  assert.equal(await where(['--config', config]), `${folder}/run/a.sock`, 'a mistake elsewhere is no hindrance')
  writeFileSync(config, 'admin: { socket: $STATE/a.sock }\n')
  assert.equal(await where(['--config', config]), '/var/lib/postern/a.sock')
})

test('A configuration that cannot be read, or a path too long for a socket, is told as such', async (t) => {
  const folder = temporaryFolder(t)
  const missing = await run(POSTERN, ['status', '--config', join(folder, 'none.yaml')])
  assert.equal(missing.code, 78)
  assert.match(missing.stderr, /^Cannot tell from .*none\.yaml where the daemon listens \(.*ENOENT/)
  const long = await run(POSTERN, ['status', '--socket', `/${'x'.repeat(107)}`])
  assert.equal(long.code, 64)
  assert.match(long.stderr, /longer than 107 bytes/)
  const fits = await run(POSTERN, ['status', '--socket', `/${'x'.repeat(106)}`])
  assert.equal(fits.code, 69)
})

test('Wrong usage is told with what was probably meant, and exits 64', async () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [['serv'], /Did you mean serve\?/],
    [['queue', 'list', '--domian', 'a.test'], /Did you mean --domain\?/],
    [['queue', 'list', '--in-state', 'lost'], /Allowed choices are pending, leased, held/],
    [['queue', 'list', '--state', 'held'], /Did you mean --in-state held\?/],
    [['queue', 'list', '--older', 'soon'], /Expected a span such as 30m/],
    [['queue', 'list', '--limit', '0'], /Expected a whole number above zero/],
    [['queue', 'remove', '--socket', '/none'], /Say which messages to remove/],
    [['queue', 'retry', '--all', '--domain', 'a.test', '--socket', '/none'], /--all means the whole queue/],
    [['queue', 'hold', '--all', '--socket', '/none'], /required option '--reason <text>'/],
    [['trace', '--socket', '/none'], /Say which message/],
    [['trace', '--since', 'lunch'], /Expected a time such as/],
  ]
  const found = await Promise.all(cases.map(([args]) => run(POSTERN, args)))
  for (const [i, [args, message]] of cases.entries()) {
    assert.equal(found[i]?.code, 64, args.join(' '))
    assert.match(found[i]?.stderr ?? '', message)
  }
})

test('Every command explains itself with examples', async () => {
  const commands = [
    'serve',
    'status',
    'trace',
    ...['list', 'show', 'retry', 'hold', 'release', 'reroute', 'remove'].map((name) => `queue ${name}`),
  ]
  const found = await Promise.all(commands.map((command) => run(POSTERN, [...command.split(' '), '--help'])))
  for (const [i, command] of commands.entries()) {
    assert.equal(found[i]?.code, 0, command)
    assert.match(found[i]?.stdout ?? '', /^Usage: postern .*\n[\s\S]*Examples:\n {2}postern /, command)
  }
})

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { loadConfig } from '../../../src/config/load.ts'
import { formatProblem } from '../../../src/config/problem.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { load, loaded, problems, said } from './support.ts'

test('with the two keys that must be given, all others have their defaults', () => {
  const config = loaded('')
  assert.equal(config.queue.lifetime, 5 * 86_400_000)
  assert.equal(config.queue.delayNotice, 4 * 3_600_000)
  assert.equal(config.limits.size, 35 * 1024 * 1024)
  assert.equal(config.limits.recipients, 100)
  assert.equal(config.tls.minVersion, 'TLSv1.2')
  assert.equal(config.delivery.helo, 'relay.example.test')
  assert.deepEqual(config.postmaster, { local: 'postmaster', domain: 'relay.example.test' })
  assert.deepEqual(config.clients, [])
  assert.equal(config.routes.default.hops, null)
})

test('an empty file says what must be given', () => {
  for (const text of ['', '# nothing\n', '{}', 'null']) {
    const result = load(text)
    assert.equal(result.ok, false)
    const keys = result.ok ? [] : result.problems.map(({ key }) => key)
    assert.deepEqual(keys, ['hostname', 'listeners'], text)
  }
})

test('an empty section is all defaults', () => {
  assert.deepEqual(loaded('queue:\nlimits:\n  connections:\n').queue, loaded('').queue)
})

const MISTAKES: readonly [string, string, string][] = [
  [
    'an unknown key names the nearest',
    'queue: { lifetme: 5d }',
    "1:10 queue.lifetme: unknown key 'lifetme'; did you mean 'lifetime'?",
  ],
  [
    'an unknown key that resembles none lists those that are known',
    'shutdown: { colour: red }',
    "1:13 shutdown.colour: unknown key 'colour'; known here: grace",
  ],
  [
    'a wrong type',
    'queue: { lifetime: [5d] }',
    '1:20 queue.lifetime: expected a duration such as 500ms, 30s, 5m, 4h or 5d, 1m to 30d; found a list',
  ],
  [
    'a value out of bounds',
    'queue:\n  lifetime: 31d',
    "2:13 queue.lifetime: expected a duration such as 500ms, 30s, 5m, 4h or 5d, 1m to 30d; found '31d'",
  ],
  [
    'a number out of bounds',
    'limits: { recipients: 0 }',
    '1:23 limits.recipients: expected a whole number, 1 to 50,000; found 0',
  ],
  ['a key without a value', 'queue: { jitter: }', '1:18 queue.jitter: expected a percentage, 0% to 50%; found nothing'],
  ['a list in place of a section', 'queue: [5d]', '1:8 queue: expected a map of keys; found a list'],
  ['text in place of a section', 'queue: 5d', "1:8 queue: expected a map of keys; found '5d'"],
  ['a section in place of a list', 'clients: { name: a }', '1:10 clients: expected a list; found a map'],
  [
    'a list that is too short',
    'queue: { schedule: [] }',
    '1:20 queue.schedule: expected a list of at least 1; found an empty list',
  ],
  [
    'a key of a map',
    'domains: { a..b: { relayTo: c.test } }',
    "1:12 domains['a..b']: expected a domain name such as example.test; found 'a..b'",
  ],
  [
    'a key that is the same as another in other letters',
    'domains: { a.test: { relayTo: c.test }, A.test: { relayTo: d.test } }',
    "1:49 domains['A.test']: a.test stands here a second time",
  ],
  [
    'an item of a list',
    "clients:\n  - { name: a, networks: [10.0.0.0/8, 10.0.0.1/8], senders: ['*'] }",
    "2:39 clients[0].networks[1]: expected a network such as 10.20.0.0/24, 2001:db8::/32 or 10.1.2.3, with no bits set after the prefix; found '10.0.0.1/8'",
  ],
  [
    'a plugin that nobody knows',
    'inspect: [{ virs: {} }]',
    "1:13 inspect[0].virs: unknown key 'virs'; did you mean 'virus'?",
  ],
  [
    'two plugins in one entry',
    'inspect: [{ module: a.js, virus: {} }]',
    '1:11 inspect[0]: expected a map of one key, the name of a plugin; found a map',
  ],
]

for (const [what, yaml, message] of MISTAKES) {
  test(`${what} is a mistake with its place`, () => assert.deepEqual(said(yaml), [message]))
}

test('every mistake is reported, from the top of the file to its end', () => {
  const lines = said('queue: { lifetime: 5, jiter: 10% }\nlimits: { size: big, hops: 1.5 }\nlog: { level: loud }\n')
  const keys = lines.map((line) => line.split(':').slice(0, 2).join(':'))
  assert.deepEqual(keys, [
    '1:20 queue.lifetime',
    '1:23 queue.jiter',
    '2:17 limits.size',
    '2:28 limits.hops',
    '3:15 log.level',
  ])
})

test('a mistake says what was expected, what was found and what is near, for programs too', () => {
  const [first, second] = problems('log: { level: loud, adresses: full }')
  assert.equal(first?.expected, 'debug, info, warn or error')
  assert.equal(first?.found, "'loud'")
  assert.equal(second?.nearest, 'addresses')
})

test('a problem on one line begins with its file, line and column', () => {
  const [problem] = problems('queue: { lifetime: soon }')
  assert.match(problem ? formatProblem(problem) : '', /^\/etc\/postern\/postern\.yaml:3:20: queue\.lifetime: expected /)
})

test('a value found where it is an alias is still at its place', () => {
  assert.match(said('queue: { lifetime: &x soon, delayNotice: *x }')[1] ?? '', /^1:42 queue\.delayNotice/)
})

test('control characters and long texts in a value do not reach the message', () => {
  const [problem] = problems(`log: { level: "a\\e[31m\\r\\n${'x'.repeat(200)}" }`)
  assert.ok((problem?.found?.length ?? 0) < 70)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  assert.doesNotMatch(problem?.message ?? '', /[\u0000-\u001f]/)
})

test('domains are looked up without the words that every JavaScript object knows', () => {
  const { domains } = loaded('domains: { constructor: { relayTo: a.test } }')
  assert.equal(domains.has('toString'), false)
  assert.deepEqual([...domains.keys()], ['constructor'])
})

test('relative paths start at the folder of the file, $STATE at the state folder', () => {
  const tls = 'tls: { certificate: tls/c.pem, key: $STATE/k.pem }\n'
  const config = loaded(`${tls}state: { dir: ../data }`)
  assert.equal(config.state.dir, '/etc/data')
  assert.equal(config.state.spool, '/etc/data/spool')
  assert.equal(config.tls.certificate, '/etc/postern/tls/c.pem')
  assert.equal(config.tls.key, '/etc/data/k.pem')
  assert.equal(config.admin.socket, '/etc/data/admin.sock')
})

const variable = (name: string): string => `\${${name}}`

test('a path may begin with a variable of the environment, which must be set', () => {
  const text = `tls: { certificate: '${variable('KEYS')}/c.pem', key: '${variable('RELATIVE')}/k.pem' }\n`
  const { tls } = loaded(text, { env: { KEYS: '/run/keys', RELATIVE: 'tls' } })
  assert.equal(tls.certificate, '/run/keys/c.pem')
  assert.equal(tls.key, '/etc/postern/tls/k.pem')
  for (const env of [{}, { KEYS: '', RELATIVE: 'tls' }]) {
    const [problem] = problems(text, { env })
    assert.match(problem?.message ?? '', /a variable of the environment that is set/)
    assert.ok(problem?.message.includes(variable('KEYS')))
  }
})

test('a variable is taken only at the beginning of a path', () => {
  const text = `tls: { certificate: 'a/${variable('KEYS')}/c.pem', key: k.pem }`
  assert.equal(loaded(text, { env: { KEYS: '/run' } }).tls.certificate, `/etc/postern/a/${variable('KEYS')}/c.pem`)
})

test('the state folder of the command line takes the place of the one in the file', () => {
  const config = loaded('state: { dir: /srv/postern }', { stateDir: '/tmp/other' })
  assert.equal(config.state.dir, '/tmp/other')
  assert.equal(config.state.spool, '/tmp/other/spool')
  assert.equal(config.admin.socket, '/tmp/other/admin.sock')
})

test('a file is read from disk, and one that is not there is a problem of the whole file', (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'postern.yaml')
  writeFileSync(file, 'hostname: a.test\nlisteners: [{ port: 0, tls: none }]\n')
  const result = loadConfig(file)
  assert.ok(result.ok)
  assert.equal(result.config.file, file)
  const missing = loadConfig(join(folder, 'other.yaml'))
  assert.equal(missing.ok, false)
  const [problem] = missing.ok ? [] : missing.problems
  assert.match(problem ? formatProblem(problem) : '', /other\.yaml: cannot be read: ENOENT/)
})

test('a password comes from the first line of a file', (t) => {
  const file = join(temporaryFolder(t), 'secret')
  writeFileSync(file, 'hunter2\r\nsecond line\n')
  const { login } = loaded(smarthost(`passwordFile: ${file}`)).routes.default
  assert.equal(login?.password.reveal(), 'hunter2')
  assert.equal(login?.passwordFile, file)
})

test('a password comes from the environment', () => {
  const { login } = loaded(smarthost('passwordEnv: SECRET'), { env: { SECRET: 'hunter2' } }).routes.default
  assert.equal(login?.password.reveal(), 'hunter2')
})

test('a password does not show itself in JSON, in text or to a debugger', () => {
  const config = loaded(smarthost('passwordEnv: SECRET'), { env: { SECRET: 'hunter2' } })
  const { login } = config.routes.default
  const shown = [JSON.stringify(login), String(login?.password), inspect(config, { depth: 20, showHidden: true })]
  for (const text of shown) assert.doesNotMatch(text, /hunter2/)
})

test('a literal password is refused with what to do, and is not repeated', () => {
  const lines = said(smarthost('password: hunter2'))
  assert.match(lines.join('\n'), /login\.password: secrets are not written in this file: .*passwordFile.*passwordEnv/)
  assert.doesNotMatch(lines.join('\n'), /hunter2/)
})

test('a login without a password, with two, or with one that is not there is refused', (t) => {
  const empty = join(temporaryFolder(t), 'empty')
  writeFileSync(empty, '\n')
  const message = (login: string) => said(smarthost(login), { env: { A: 'a', B: '' } }).join('\n')
  assert.match(message(''), /a login needs passwordFile or passwordEnv/)
  assert.match(message('passwordEnv: B'), /environment variable B is not set or is empty/)
  assert.match(message('passwordEnv: C'), /environment variable C is not set or is empty/)
  assert.match(message('passwordFile: /nonexistent/x'), /\/nonexistent\/x cannot be read: ENOENT/)
  assert.match(message(`passwordFile: ${empty}`), /holds no password: its first line is empty/)
})

test('two places for one password are refused', (t) => {
  const file = join(temporaryFolder(t), 'secret')
  writeFileSync(file, 'a\n')
  const lines = said(smarthost(`passwordEnv: A, passwordFile: ${file}`), { env: { A: 'a' } })
  assert.match(lines.join('\n'), /give passwordFile or passwordEnv, not both/)
})

const smarthost = (login: string): string =>
  `routes: { default: { hosts: [a.test], tls: required, login: { user: us, ${login} } } }`

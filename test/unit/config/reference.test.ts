import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadConfig } from '../../../src/config/load.ts'
import { formatProblem } from '../../../src/config/problem.ts'
import { reference } from '../../../src/config/reference-text.ts'
import { load, loaded } from './support.ts'

const path = (name: string): string => fileURLToPath(new URL(`../../../config/${name}`, import.meta.url))

/** The text with one `#` less in front of a block's lines, which begins at a line of the text. */
function uncommented(text: string, first: string): string {
  const lines = text.split('\n')
  const start = lines.indexOf(first)
  assert.ok(start >= 0, first)
  const indent = first.indexOf('#')
  const prefix = `${' '.repeat(indent)}#`
  const length = lines.slice(start).findIndex((line) => !line.startsWith(prefix))
  const block = lines.slice(start, start + length).map((line) => `${' '.repeat(indent)}${line.slice(indent + 1)}`)
  return [...lines.slice(0, start), ...block, ...lines.slice(start + length)].join('\n')
}

test('the reference in config/ is what the schema says', () => {
  assert.equal(readFileSync(path('postern.yaml'), 'utf8'), reference(), 'run: node scripts/gen-config.ts')
})

for (const name of ['postern.yaml', 'bench.yaml', 'example.yaml']) {
  test(`config/${name} loads without a problem or a warning`, () => {
    const result = loadConfig(path(name))
    assert.deepEqual(result.ok ? result.warnings : result.problems.map(formatProblem), [])
  })
}

test('what stands in the reference is the default', () => {
  const result = load(reference())
  assert.ok(result.ok)
  const defaults = loaded('')
  for (const key of [
    'limits',
    'queue',
    'spool',
    'delivery',
    'dns',
    'holds',
    'log',
    'admin',
    'metrics',
    'shutdown',
  ] as const) {
    assert.deepEqual(result.config[key], defaults[key], key)
  }
  assert.equal(result.config.tls.ciphers, defaults.tls.ciphers)
})

test('every line fits on a screen, but for values that cannot be broken', () => {
  const long = reference()
    .split('\n')
    .filter((line) => line.length > 102)
  assert.deepEqual(
    long.map((line) => line.trim().split(':')[0]),
    ['ciphers', '#  - { name'],
  )
})

test('no line ends in a space', () => assert.doesNotMatch(reference(), / $/m))

test('the example clients load once their comment is taken away', () => {
  const result = load(uncommented(reference(), '#clients:'))
  assert.ok(result.ok, 'it does not load')
  assert.deepEqual(
    result.config.clients.map(({ name }) => name),
    ['royal-infirmary', 'pathology-analysers'],
  )
})

test('so do the example domains, the chain and the routes of domains', () => {
  for (const first of ['#domains:', '#inspect:', '  #domains:']) {
    const result = load(uncommented(reference(), first))
    assert.ok(result.ok, first)
  }
})

test('so does the other form of a route, in place of the first', () => {
  const text = uncommented(reference(), '  #default:')
    .replace('  default: mx\n', '')
    .replace('passwordFile: secrets/smarthost', 'passwordEnv: SECRET')
  const result = load(text, { env: { SECRET: 'hunter2' } })
  assert.ok(result.ok)
  const { hops, tls, login } = result.config.routes.default
  assert.deepEqual(hops, [{ host: 'smarthost.example.test', port: 587 }])
  assert.equal(tls.mode, 'required')
  assert.equal(login?.user, 'postern')
})

test('so does every single key that may be left out', () => {
  const keys = reference().match(/^ *#[a-zA-Z0-9]+: .+$/gm) ?? []
  assert.ok(keys.length >= 10, String(keys.length))
  for (const key of keys) assert.ok(load(reference().replace(key, key.replace('#', ''))).ok, key)
})

test('the bench measures what is promised: full durability, one next hop, no limits on loopback', () => {
  const result = loadConfig(path('bench.yaml'), { stateDir: '/tmp/x' })
  assert.ok(result.ok)
  const { listeners, clients, routes, inspect, log, state } = result.config
  assert.deepEqual(
    listeners.map(({ address, port, tls }) => [address, port, tls]),
    [['127.0.0.1', 2530, 'none']],
  )
  assert.deepEqual(
    clients.map(({ rate, connections, mayRelay }) => [rate, connections, mayRelay]),
    [[null, null, true]],
  )
  assert.deepEqual(routes.default.hops, [{ host: '127.0.0.1', port: 2625 }])
  assert.equal(routes.default.tls.mode, 'none')
  assert.deepEqual(inspect, [])
  assert.equal(log.level, 'warn')
  assert.equal(state.spool, '/tmp/x/spool')
})

test('the bench of the whole chain checks and signs all that comes, and is otherwise the same', () => {
  const env = { BENCH_WORK: '/srv/bench' }
  const [plain, full] = [loadConfig(path('bench.yaml'), { env }), loadConfig(path('bench-full.yaml'), { env })]
  assert.ok(plain.ok && full.ok)
  for (const key of ['listeners', 'clients', 'routes', 'limits', 'state', 'spool', 'log'] as const)
    assert.deepEqual(full.config[key], plain.config[key], key)
  const [authentication, sign] = ['authentication', 'sign'].map((name) =>
    full.config.inspect.find((plugin) => plugin.name === name),
  )
  assert.equal(authentication?.options.checkClients, true)
  assert.deepEqual(authentication?.options.directions, ['inbound', 'outbound', 'internal'])
  assert.equal(sign?.options.key, '/srv/bench/full/r1.pem')
  assert.deepEqual([authentication?.mode, sign?.mode], ['enforce', 'enforce'])
})

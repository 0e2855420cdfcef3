import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import type { Context } from '../../../src/config/context.ts'
import { type Field, helpOf, type KeyHelp, shapeOf } from '../../../src/config/fields.ts'
import { schema } from '../../../src/config/schema/schema.ts'
import { parseHeadersOptions } from '../../../src/inspect/plugins/headers/options.ts'
import { parseSendersOptions } from '../../../src/inspect/plugins/senders/options.ts'
import { load, loaded, problems, said } from './support.ts'

const CONTEXT: Context = { resolve: (path) => path, variable: () => 'value', readText: () => 'value' }

interface Named extends KeyHelp {
  readonly path: string
  readonly key: Field<unknown>
}

/** Every key that the schema has, however deep. */
function everyKey(field: Field<unknown>, path = ''): Named[] {
  const shape = shapeOf(field)
  if (shape.is === 'list' || shape.is === 'map') return everyKey(shape.item, `${path}[]`)
  if (shape.is === 'forms') return everyKey(shape.section, path)
  if (shape.is === 'value') return []
  return Object.entries(shape.keys).flatMap(([name, key]) => {
    const help = helpOf(key)
    const own = `${path}.${name}`
    return [{ ...help, key, path: own }, ...everyKey(help.field, own)]
  })
}

const KEYS = everyKey(schema(CONTEXT))

test('the schema has all of its keys in reach', () => {
  const paths = KEYS.map(({ path }) => path)
  for (const path of ['.hostname', '.listeners[].port', '.clients[].senders', '.domains[].recipients.file']) {
    assert.ok(paths.includes(path), path)
  }
  assert.ok(paths.length > 120, String(paths.length))
  assert.equal(new Set(paths).size, paths.length)
})

test('every key says in whole sentences what it does', () => {
  for (const { path, help } of KEYS) {
    assert.match(help, /^['A-Za-z0-9].{8,}[.]$/s, path)
    assert.doesNotMatch(help, /\n| {2}/, path)
  }
})

test('every default is what its own key takes', () => {
  for (const { path, default: fallback, key } of KEYS) {
    if (fallback === undefined) continue
    const result = key.safeParse(fallback)
    assert.ok(result.success, `${path}: ${result.error?.message}`)
    assert.deepEqual(result.data, key.parse(undefined), path)
  }
})

test('every example is what its own key takes', () => {
  for (const { path, example, field } of KEYS) {
    // a section whose keys have examples of their own, and an entry of the chain, which needs some of them
    if (example === undefined || path.startsWith('.inspect[].')) continue
    assert.ok(field.safeParse(example).success, `${path}: ${field.safeParse(example).error?.message}`)
  }
})

test('a key that must be given is missed', () => {
  for (const { path, default: fallback, key } of KEYS) {
    if (fallback === undefined) assert.equal(key.safeParse(undefined).success, false, path)
  }
})

// `given` is taken, `refused` is not
const EDGES: readonly [key: string, given: readonly unknown[], refused: readonly unknown[]][] = [
  ['.listeners[].port', [0, 65_535], [-1, 65_536, '25', 25.5]],
  ['.limits.recipients', [1, 50_000], [0, 50_001]],
  ['.limits.size', ['64KiB', '2GiB'], ['63KiB', '3GiB']],
  ['.limits.idle', ['1s', '1h'], ['999ms', '61m']],
  ['.limits.commandLine', [512, 65_536], [511, 65_537]],
  ['.limits.hops', [10, 1000], [9, 1001]],
  ['.queue.lifetime', ['1m', '30d'], ['59s', '31d']],
  ['.queue.jitter', ['0%', '50%'], ['51%', 10]],
  ['.queue.delayNotice', ['1m', 'off', false], ['30s', 'never', true]],
  ['.spool.contentInRow', ['0B', 0, '1MiB'], ['2MiB', -1]],
  ['.spool.writeMemory', ['1MiB', '4GiB'], ['1023KiB', '5GiB']],
  ['.spool.freshMemory', ['0B', 0, '4GiB'], ['5GiB', -1]],
  ['.spool.readMemory', ['1MiB', '4GiB'], ['1023KiB', '5GiB']],
  ['.spool.reserve', ['512MiB', '5%', '90%'], ['91%', 'all']],
  ['.clients[].name', ['royal', 'a', 'A.b-c_1', 'x'.repeat(64)], ['', '*', 'postern', '-a', 'a b', 'x'.repeat(65)]],
  ['.metrics.listen', ['off', false, '127.0.0.1:0', '[::1]:9825'], ['on', true, ':9825', 9825]],
  ['.admin.access', ['owner', 'group'], ['everyone', 660, '0660']],
  ['.dns.servers', [[], ['10.0.0.53'], ['[2001:db8::53]:5353']], [['dns.example.test']]],
  [
    '.clients[].certificates',
    [['ab'.repeat(32)], [new Array(32).fill('AB').join(':')]],
    [['ab'.repeat(20)], ['xy'.repeat(32)]],
  ],
  ['.tls.minVersion', ['TLSv1.2', 'TLSv1.3'], ['TLSv1.1', 'TLSv1', 1.2]],
]

for (const [path, given, refused] of EDGES) {
  test(`${path.slice(1)} takes what lies within its bounds and nothing beyond`, () => {
    const key = KEYS.find((each) => each.path === path)?.key
    assert.ok(key)
    for (const value of given) assert.ok(key.safeParse(value).success, JSON.stringify(value))
    for (const value of refused) assert.equal(key.safeParse(value).success, false, JSON.stringify(value))
  })
}

const DESIGN = `
hostname: relay.example.test
listeners:
  - { port: 25,  tls: starttls, for: relay }
  - { port: 465, tls: implicit, for: relay }
tls: { certificate: c.pem, key: k.pem }
clients:
  - name: royal-infirmary                # a trust mail server that uses us as its smarthost
    networks: [10.20.0.0/24]
    tls: required
    senders: ['@royal.example.test']
  - name: pathology-analysers            # devices: no TLS, no login, one fixed sender, own quota
    networks: [10.99.1.0/28]
    tls: optional
    senders: [analyser@royal.example.test]
    rate: 30/minute
domains:
  royal.example.test: { relayTo: [mail.royal.example.test] }
routes: { default: mx }
queue: { lifetime: 5d, delayNotice: 4h }
`

test('the configuration that the design shows is taken', () => {
  const result = load(DESIGN)
  assert.ok(result.ok, inspect(result, { depth: 9 }))
  const { clients, domains } = result.config
  assert.deepEqual(clients[1]?.rate, { count: 30, perMs: 60_000 })
  assert.deepEqual(domains.get('royal.example.test')?.route.hops, [{ host: 'mail.royal.example.test', port: 25 }])
})

test('a server may always send bounces, a device only where that is said', () => {
  const senders = (more: string) =>
    loaded(`clients: [{ name: a, networks: [10.0.0.1], senders: [a@b.test${more}] }]`).clients[0]?.senders
  assert.deepEqual(senders('')?.at(-1), { is: 'null' })
  const device = loaded('clients: [{ name: a, networks: [10.0.0.1], senders: [a@b.test], device: true }]')
  assert.equal(device.clients[0]?.senders.length, 1)
})

test('one host need not be a list, and ports and order are as written', () => {
  const { routes } = loaded('routes: { default: { hosts: a.test, port: 587, order: rotated, tls: implicit } }')
  assert.deepEqual(routes.default.hops, [{ host: 'a.test', port: 587 }])
  assert.equal(routes.default.order, 'rotated')
  assert.deepEqual(routes.default.tls, { mode: 'implicit', verify: true, authorities: null })
})

test('a certificate is verified only where TLS is required', () => {
  const tls = (text: string) => loaded(`routes: { default: { hosts: a.test, ${text} } }`).routes.default.tls
  assert.equal(tls('tls: opportunistic').verify, false)
  assert.equal(tls('tls: required').verify, true)
  assert.equal(tls('tls: required, verify: false').verify, false)
})

test('routes for domains are kept by domain, those below one with their dot', () => {
  const { routes } = loaded('routes: { domains: { A.test: mx, .b.test: { tls: required } } }')
  assert.deepEqual([...routes.domains.keys()], ['a.test', '.b.test'])
  assert.equal(routes.domains.get('.b.test')?.hops, null)
})

test('LMTP goes to a socket, without TLS, or to a host', () => {
  const { domains } = loaded(
    "domains: { a.test: { lmtp: $STATE/lmtp }, b.test: { lmtp: 'c.test:2424', tls: required } }",
  )
  const [socket, host] = [domains.get('a.test')?.route, domains.get('b.test')?.route]
  assert.deepEqual(socket?.hops, [{ path: '/var/lib/postern/lmtp' }])
  assert.equal(socket?.tls.mode, 'none')
  assert.deepEqual(host?.hops, [{ host: 'c.test', port: 2424 }])
  assert.equal(host?.tls.mode, 'required')
})

test('a plugin of the operator is a path, or a map with options', () => {
  const { inspect: chain } = loaded(
    'inspect: [{ module: ./a.js }, { module: { path: b.js, mode: observe, deadline: 5s, options: { x: [1] } } }]',
  )
  assert.deepEqual(chain, [
    { name: 'module', module: '/etc/postern/a.js', mode: 'enforce', deadline: 30_000, when: null, options: {} },
    { name: 'module', module: '/etc/postern/b.js', mode: 'observe', deadline: 5000, when: null, options: { x: [1] } },
  ])
})

test('the options of a built-in plugin are checked and have their defaults', () => {
  const [headers, senders] = loaded(
    'inspect: [{ headers: { maxBytes: 64KiB } }, { senders: { file: denied, mode: tag } }]',
  ).inspect
  assert.deepEqual([headers?.name, headers?.options.maxBytes, headers?.options.from], ['headers', 65_536, 'reject'])
  assert.deepEqual(senders?.options, { file: '/etc/postern/denied', action: 'reject', recheck: 10_000 })
  assert.equal(senders?.mode, 'tag')
  assert.match(said('inspect: [{ senders: {} }]')[0] ?? '', /inspect\[0\]\.senders\.file: is missing/)
  assert.match(said('inspect: [{ headers: { form: tag } }]')[0] ?? '', /did you mean 'from'\?/)
})

test('what the schema says of a plugin is what the plugin itself takes', () => {
  const [headers, senders] = loaded('inspect: [{ headers: }, { senders: { file: denied } }]').inspect
  assert.deepEqual(headers?.options, parseHeadersOptions({}))
  const { file, action, recheckMs } = parseSendersOptions(senders?.options)
  assert.deepEqual({ file, action, recheckMs }, parseSendersOptions({ file: '/etc/postern/denied' }))
})

test('a condition of the chain is read, and may be left out in whole or in part', () => {
  const [headers, module] = loaded(
    'inspect: [{ headers: { when: { direction: [inbound], recipients: [.Ours.test] } } }, { module: a.js }]',
  ).inspect
  assert.deepEqual(headers?.when, { direction: ['inbound'], clients: null, senders: null, recipients: ['.ours.test'] })
  assert.equal(module?.when, null)
  assert.equal(headers && 'when' in headers.options, false)
  for (const when of ['{ direction: [] }', '{ direction: [sideways] }', '{ clients: ["* "] }', '{ senders: ["@a"] }'])
    assert.equal(problems(`inspect: [{ headers: { when: ${when} } }]`).length, 1, when)
})

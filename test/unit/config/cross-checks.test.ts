import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { load, loaded, said, withBasics } from './support.ts'

const listeners = (text: string, more = ''): string[] => {
  const result = load(`hostname: relay.example.test\nlisteners: ${text}\n${more}`)
  return result.ok ? [] : result.problems.map(({ key, message }) => `${key}: ${message}`)
}

const client = (name: string, how: string): string => `  - { name: ${name}, senders: ['*'], ${how} }\n`

function warnings(yaml: string): string[] {
  const result = load(withBasics(yaml))
  assert.ok(result.ok, inspect(result, { depth: 9 }))
  return result.warnings.map(({ key, message }) => `${key}: ${message}`)
}

test('a listener that offers TLS needs a certificate', () => {
  const expected = 'needs a certificate: give tls.certificate and tls.key, or set tls: none here'
  assert.deepEqual(listeners('[{ port: 25 }, { port: 465, tls: implicit }]'), [
    `listeners[0].tls: tls: starttls ${expected}`,
    `listeners[1].tls: tls: implicit ${expected}`,
  ])
  assert.deepEqual(listeners('[{ port: 25 }]', 'tls: { certificate: a, key: b }'), [])
})

test('a certificate needs its key, and a key its certificate', () => {
  assert.deepEqual(said('tls: { certificate: a }'), ['1:6 tls.key: a certificate needs its key: give tls.key'])
  assert.deepEqual(said('tls: { key: a }'), ['1:6 tls.certificate: a key needs its certificate: give tls.certificate'])
})

test('two listeners cannot have one address and port, unless the system chooses the port', () => {
  const twice = '[{ port: 25, tls: none }, { port: 25, tls: none }]'
  assert.deepEqual(listeners(twice), ['listeners[1].port: listeners[0] has this address and port already'])
  assert.deepEqual(listeners('[{ port: 0, tls: none }, { port: 0, tls: none }]'), [])
  const apart = "[{ address: 10.0.0.1, port: 25, tls: none }, { address: '::1', port: 25, tls: none }]"
  assert.deepEqual(listeners(apart), [])
})

test('a network, a certificate and a name belong to one client each', () => {
  const hex = 'ab'.repeat(32)
  const yaml =
    'tls: { certificate: a, key: b }\nclients:\n' +
    client('one', `networks: [10.0.0.0/8], certificates: ['${hex}']`) +
    client('two', `networks: [10.0.0.0/8], certificates: ['${hex.toUpperCase()}']`) +
    client('ONE', 'networks: [10.1.0.0/16]')
  const result = load(`hostname: a.test\nlisteners: [{ port: 25 }]\n${yaml}`)
  assert.deepEqual(result.ok ? [] : result.problems.map(({ key, message }) => `${key}: ${message}`), [
    "clients[1].networks[0]: the network 10.0.0.0/8 belongs to the client 'one' already",
    `clients[1].certificates[0]: the certificate ${hex} belongs to the client 'one' already`,
    "clients[2].name: the name one belongs to the client 'one' already",
  ])
})

test('networks of two clients may overlap', () => {
  const { clients } = loaded(
    `clients:\n${client('a', 'networks: [10.0.0.0/8]')}${client('b', 'networks: [10.1.0.0/16]')}`,
  )
  assert.equal(clients.length, 2)
})

test('a client must be known by something', () => {
  assert.match(
    said(`clients:\n${client('a', 'tls: required')}`)[0] ?? '',
    /clients\[0\]\.name: nothing says how this client is known/,
  )
})

test('a client that is known by its certificate alone cannot do without TLS', () => {
  const lines = said(`clients:\n${client('a', `tls: optional, certificates: ['${'ab'.repeat(32)}']`)}`)
  assert.match(lines[0] ?? '', /clients\[0\]\.tls: a client known by its certificate alone always speaks TLS/)
})

test('client certificates need to be asked for, by a listener that speaks TLS', () => {
  const clients = `clients:\n${client('a', `certificates: ['${'ab'.repeat(32)}']`)}`
  assert.match(said(clients)[0] ?? '', /no listener offers TLS/)
  const tls = (more: string) => listeners('[{ port: 25 }]', `tls: { certificate: a, key: b${more} }\n${clients}`)
  assert.deepEqual(tls(''), [])
  assert.match(tls(', requestClientCertificate: false')[0] ?? '', /no client is asked for its certificate/)
})

test('certificates are asked for where a client is known by one, or where that is said', () => {
  assert.equal(loaded('').tls.requestClientCertificate, false)
  assert.equal(loaded('tls: { requestClientCertificate: true }').tls.requestClientCertificate, true)
})

test('burst without rate is refused', () => {
  assert.match(
    said(`clients:\n${client('a', 'networks: [10.0.0.0/8], burst: 5')}`)[0] ?? '',
    /burst has a meaning only with rate/,
  )
})

test('an open relay is refused, but a client that may send to our domains only may be anywhere', () => {
  const clients = (more: string) => `clients:\n${client('a', `networks: [0.0.0.0/0]${more}`)}`
  assert.match(said(clients(''))[0] ?? '', /clients\[0\]\.networks\[0\]: .*this is an open relay/)
  assert.equal(loaded(clients(', mayRelay: false')).clients.length, 1)
})

test('a domain of ours has one way only', () => {
  const yaml = 'domains: { a.test: { relayTo: b.test } }\nroutes: { domains: { a.test: mx } }'
  assert.match(said(yaml)[0] ?? '', /^2:\d+ routes\.domains\['a\.test'\]: a\.test is one of our domains/)
})

test('a domain of ours needs one place for its mail, not two', () => {
  assert.match(said('domains: { a.test: {} }')[0] ?? '', /nothing says where its mail goes/)
  assert.match(
    said('domains: { a.test: { relayTo: b.test, lmtp: b.test } }')[0] ?? '',
    /lmtp: give relayTo or lmtp, not both/,
  )
})

test('a next hop that is this very server is refused', () => {
  for (const hop of ['relay.example.test', '127.0.0.1', 'localhost:25', "'[::1]'"]) {
    assert.match(said(`routes: { default: { hosts: [${hop}] } }`)[0] ?? '', /mail would go round in circles/, hop)
  }
  for (const hop of ['127.0.0.1:26', 'other.example.test', 'localhost:2525'])
    loaded(`routes: { default: { hosts: [${hop}] } }`)
})

test('a login needs TLS and a host to sign in to', () => {
  const route = (more: string) =>
    said(`routes: { default: { ${more}, login: { user: a, passwordEnv: A } } }`, { env: { A: 'a' } }).join('\n')
  assert.match(route('hosts: [a.test]'), /a login needs tls: required or tls: implicit/)
  assert.match(route('hosts: [a.test], tls: none'), /a login needs tls: required or tls: implicit/)
  assert.match(route('tls: required'), /a login needs hosts to sign in to/)
})

test('a delay notice after the end, or more first connections than there may be, is refused', () => {
  assert.match(
    said('queue: { lifetime: 4h, delayNotice: 4h }')[0] ?? '',
    /queue\.delayNotice: is not before queue\.lifetime/,
  )
  assert.match(
    said('queue: { concurrency: { initial: 21 } }')[0] ?? '',
    /is more than queue\.concurrency\.perDestination/,
  )
  assert.equal(loaded('queue: { lifetime: 4h, delayNotice: off }').queue.delayNotice, null)
})

test('the path of the admin socket may have 107 octets and not one more', () => {
  const path = (length: number) => `/${'s'.repeat(length - 1)}`
  assert.equal(loaded(`admin: { socket: ${path(107)} }`).admin.socket.length, 107)
  assert.match(
    said(`admin: { socket: ${path(108)} }`)[0] ?? '',
    /has 108 octets; the path of a Unix socket may have 107/,
  )
})

test('what may be meant, but seldom is, is a warning', () => {
  assert.deepEqual(warnings(''), [])
  assert.match(warnings('queue: { lifetime: 3d }')[0] ?? '', /queue\.lifetime: RFC 5321/)
  const device = `clients:\n${client('a', 'networks: [10.0.0.0/8], device: true')}`
  assert.match(warnings(device)[0] ?? '', /a device that may send as anyone/)
})

test('a name that is none, or hardly one, is told', () => {
  const named = (hostname: string) => load(`hostname: ${hostname}\nlisteners: [{ port: 25, tls: none }]`)
  for (const address of ['10.1.1.1', "'7'", 'relay.example.7']) {
    const result = named(address)
    assert.match(result.ok ? '' : (result.problems[0]?.message ?? ''), /expected a domain name/, address)
  }
  const result = named('localhost')
  assert.match(result.ok ? (result.warnings[0]?.message ?? '') : '', /localhost has no dot/)
  assert.deepEqual(named('relay.nhs.example').ok, true)
})

test('a password for a host that proves nothing is a warning', () => {
  const route =
    'routes: { default: { hosts: [a.test], tls: required, verify: false, login: { user: a, passwordEnv: A } } }'
  const result = load(withBasics(route), { env: { A: 'a' } })
  assert.match(result.ok ? (result.warnings[0]?.message ?? '') : '', /whoever is in between can take the password/)
})

test('a plugin stands in the chain once', () => {
  assert.match(
    said('inspect: [{ headers: {} }, { headers: {} }]')[0] ?? '',
    /inspect\[1\]: the plugin headers stands here a second time/,
  )
  assert.match(said('inspect: [{ module: a.js }, { module: ./a.js }]')[0] ?? '', /a\.js stands here a second time/)
  assert.equal(loaded('inspect: [{ module: a.js }, { module: b.js }, { headers: }]').inspect.length, 3)
})

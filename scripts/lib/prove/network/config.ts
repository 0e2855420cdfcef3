import type { Certificate } from '../../../../test/support/certs.ts'
import type { DaemonConfig } from '../../../../test/support/daemon.ts'

export interface ProofConfig {
  /** Of listeners: STARTTLS, TLS from the first byte, with a PROXY header; for monitoring; for our policy. */
  readonly port: number
  readonly implicitPort: number
  readonly proxiedPort: number
  readonly metricsPort: number
  readonly policyPort: number
  /** `host:port` of LMTP servers, each for the domain of its own name. */
  readonly lmtp: readonly string[]
  readonly certificate: Certificate
  /** File of what the TLS hosts' certificate is verified against. */
  readonly authorities: string
  /** Ports on 127.0.0.1. */
  readonly dns: number
  readonly clearPort: number
  readonly tlsPort: number
  readonly rspamd: readonly number[]
  /** Addresses as the plugin takes them. */
  readonly clamd: readonly string[]
  readonly validating: boolean
  /** Names of next hops, each the domain of its recipients, too. */
  readonly clear: readonly string[]
  readonly tls: readonly string[]
}

/** Every wait that there is for another program, as short as its key allows or nearly so. */
export const TIME_OUTS: readonly (readonly [pair: string, phase: string, key: string, value: string])[] = [
  ['client', 'silence: a command, content, a PROXY header', 'limits.idle', '2s'],
  ['client', 'the handshake', 'limits.tlsTime', '1s'],
  ['client', 'the rest of content with wrong line ends', 'limits.wrongEnd', '1s'],
  ['client', 'all of the content', 'limits.dataTime', '10s'],
  ['client', 'all of the session', 'limits.sessionTime', '1m'],
  ['next hop', 'the connection', 'delivery.timeouts.connect', '1s'],
  ['next hop', 'the greeting', 'delivery.timeouts.greeting', '1s'],
  ['next hop', 'EHLO', 'delivery.timeouts.hello', '1s'],
  ['next hop', 'the handshake', 'delivery.timeouts.tls', '1s'],
  ['next hop', 'the login', 'delivery.timeouts.auth', '1s'],
  ['next hop', 'MAIL', 'delivery.timeouts.mail', '1s'],
  ['next hop', 'RCPT', 'delivery.timeouts.rcpt', '1s'],
  ['next hop', 'DATA', 'delivery.timeouts.data', '1s'],
  ['next hop', 'each piece of content', 'delivery.timeouts.block', '1s'],
  ['next hop', 'after the dot', 'delivery.timeouts.end', '2s'],
  ['next hop', 'QUIT, and the end of the connection', 'delivery.timeouts.quit', '1s'],
  ['next hop', 'a connection kept open', 'queue.connections.idle', '2s'],
  ['next hop', 'all of a connection', 'queue.connections.age', '10s'],
  ['next hop', 'a question about a recipient', 'recipientCheck.timeout', '2s'],
  ['clamd', 'the connection', 'inspect.virus.connectTimeout', '500ms'],
  ['clamd', 'a connection kept open', 'inspect.virus.idle', '2s'],
  ['clamd', 'a message, all hosts', 'inspect.virus.timeout', '2s'],
  ['clamd', 'a look at its health', 'inspect.virus.checkTimeout', '500ms'],
  ['rspamd', 'the connection', 'inspect.spam.connectTimeout', '500ms'],
  ['rspamd', 'a connection kept open', 'inspect.spam.idle', '2s'],
  ['rspamd', 'a message, all hosts', 'inspect.spam.timeout', '2s'],
  ['rspamd', 'a look at its health', 'inspect.spam.checkTimeout', '500ms'],
  ['every plugin', 'a message', 'inspect.*.deadline', '5s'],
  ['DNS', 'one question to one server', 'dns.timeout', '300ms'],
  ['DNS', 'an answer, all attempts', 'dns.deadline', '1s'],
  ['an MTA-STS policy', 'DNS and HTTPS', 'delivery.mtaStsTimeout', '1s'],
  ["a domain's hosts", 'each step of a look at them', 'delivery.probeTimeout', '1s'],
  ['a report', 'posting it', 'reports.tls.postTimeout', '1s'],
  ["operators' socket", 'the header of a request', 'admin.timeouts.header', '1s'],
  ["operators' socket", 'a request', 'admin.timeouts.request', '2s'],
  ["operators' socket", 'nothing taken of an answer', 'admin.timeouts.answer', '2s'],
  ["operators' socket", 'a connection kept open', 'admin.timeouts.idle', '2s'],
  ['monitoring', 'a request', 'metrics.timeouts.request', '1s'],
  ['monitoring', 'nothing taken of an answer', 'metrics.timeouts.answer', '2s'],
  ['monitoring', 'a connection kept open', 'metrics.timeouts.idle', '2s'],
  ['who asks for our policy', 'the handshake', 'publish.mtaSts.timeouts.handshake', '1s'],
  ['who asks for our policy', 'a request', 'publish.mtaSts.timeouts.request', '1s'],
  ['who asks for our policy', 'nothing taken of an answer', 'publish.mtaSts.timeouts.answer', '2s'],
]

/**
 * What the waits of a pair add up to at the worst, seconds: a connection that has gone silent is given up by then. Who is
 * late is looked for every second or half, idle connections to next hops every five.
 */
export const LONGEST: Readonly<Record<string, readonly [seconds: number, sum: string]>> = {
  client: [9, 'the scanners (2 + 2), the question about a recipient (2), limits.idle (2), the look (1)'],
  'next hop': [9, 'queue.connections.idle (2), the look (5), quit twice (1 + 1)'],
  clamd: [4, 'idle (2), and a message (2)'],
  rspamd: [4, 'idle (2), and a message (2)'],
  'DNS, TCP': [1, 'dns.deadline'],
  operator: [3.5, 'admin.timeouts.idle (2), what Node adds (1), the look (0.5)'],
  monitoring: [3.5, 'metrics.timeouts.idle (2), what Node adds (1), the look (0.5)'],
  'asks for our policy': [2.5, 'the handshake (1), a request (1), the look (0.5)'],
  'policy host': [1, 'delivery.mtaStsTimeout'],
  'report host': [1, 'reports.tls.postTimeout'],
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }

/** A time-out of the list in milliseconds. */
export function timeOut(key: string): number {
  const [, , , value = ''] = TIME_OUTS.find(([, , name]) => name === key) ?? []
  const [, number, unit = ''] = /^(\d+)(\w+)$/.exec(value) ?? []
  return Number(number) * (UNITS[unit] ?? Number.NaN)
}

/** Such keys of one section, without its name. */
function section(prefix: string): Record<string, string> {
  const below = TIME_OUTS.filter(([, , key]) => key.startsWith(prefix) && !key.slice(prefix.length).includes('.'))
  return Object.fromEntries(below.map(([, , key, value]) => [key.slice(prefix.length), value]))
}

const SOON = { unavailable: 'defer', check: '300ms', deadline: '5s' }

export function proofConfig(options: ProofConfig): DaemonConfig {
  const { port, certificate, authorities, clear, tls, clearPort, tlsPort } = options
  const route = (host: string, hopPort: number, more: object) => [host, { hosts: [`${host}:${hopPort}`], ...more }]
  return {
    hostname: 'postern.test',
    listeners: [
      { address: '127.0.0.1', port, tls: 'starttls' },
      { address: '127.0.0.1', port: options.implicitPort, tls: 'implicit' },
      { address: '127.0.0.1', port: options.proxiedPort, tls: 'starttls', proxies: ['127.0.0.1'] },
    ],
    tls: { certificate: certificate.certFile, key: certificate.keyFile },
    clients: [{ name: 'proof', networks: ['127.0.0.1/32'], tls: 'optional', senders: ['*'] }],
    domains: {
      'own.test': { relayTo: [`own-host.test:${clearPort}`], recipients: 'ask' },
      ...Object.fromEntries(options.lmtp.map((place) => [place.split(':')[0], { lmtp: place, tls: 'none' }])),
    },
    recipientCheck: section('recipientCheck.'),
    routes: {
      domains: Object.fromEntries([
        ...clear.map((host) => route(host, clearPort, { tls: 'none' })),
        ...tls.map((host) => route(host, tlsPort, { tls: 'required', authorities })),
      ]),
    },
    limits: {
      ...section('limits.'),
      connections: { perAddress: 100_000, perNetwork: 100_000 },
      outside: { rate: 'off', recipientRate: 'off', resolvableSender: true, penalty: '0s' },
    },
    queue: {
      schedule: ['1s'],
      backOff: ['1s'],
      jitter: '0%',
      delayNotice: 'off',
      connections: { ...section('queue.connections.'), messages: 4 },
    },
    delivery: { families: ['ipv4'], ...section('delivery.'), timeouts: section('delivery.timeouts.') },
    dns: { servers: [`127.0.0.1:${options.dns}`], validating: options.validating, ...section('dns.'), cache: 0 },
    inspect: [
      { virus: { clamd: options.clamd, ...SOON, ...section('inspect.virus.') } },
      {
        spam: {
          rspamd: options.rspamd.map((each) => `http://127.0.0.1:${each}`),
          ...SOON,
          ...section('inspect.spam.'),
        },
      },
    ],
    reports: { tls: section('reports.tls.') },
    metrics: { listen: `127.0.0.1:${options.metricsPort}`, timeouts: section('metrics.timeouts.') },
    admin: { timeouts: section('admin.timeouts.') },
    publish: {
      mtaSts: { listen: [`127.0.0.1:${options.policyPort}`], timeouts: section('publish.mtaSts.timeouts.') },
    },
    log: { level: 'error' },
  }
}

import { join } from 'node:path'
import type { Authority } from '../../../../test/support/authority.ts'
import { type Certificate, makeCertificate } from '../../../../test/support/certs.ts'
import { startClamd } from '../../../../test/support/clamd.ts'
import { program } from '../../../../test/support/components.ts'
import { Daemon } from '../../../../test/support/daemon.ts'
import { type FaultProxy, type FaultProxyOptions, startFaultProxy } from '../../../../test/support/fault-proxy.ts'
import { startUdpFaultProxy, type UdpFaultProxy } from '../../../../test/support/fault-proxy-udp.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { startNameServer } from '../../../../test/support/name-server.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { startRspamd } from '../../../../test/support/rspamd.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { type Sink, startSink } from '../../../../test/support/sink.ts'
import type { Zone } from '../../../../test/support/zone.ts'
import { Missing } from '../part.ts'
import type { Account } from './account.ts'
import { type Ask, httpAsk, keptDeaf, policyAsk, reportAsk, startFarHost } from './askers.ts'
import { proofConfig } from './config.ts'
import { startDnsOverTcp } from './dns-tcp.ts'
import { probeEnv } from './holdings.ts'
import { alone } from './mail.ts'
import { connectionPlan, questionPlan, randomFor, type Weather } from './plan.ts'

export interface Scanners {
  /** Path of clamd's Unix socket, and port of Rspamd's worker. */
  readonly clamd: string
  readonly rspamd: number
}

/** The real scanners. Throws Missing where they are not installed. */
export async function startScanners(scope: Scope): Promise<Scanners> {
  for (const name of ['clamd', 'rspamd']) if (program(name) === null) throw new Missing(`${name} is not installed`)
  const clamd = await startClamd(scope)
  const rspamd = await startRspamd(scope)
  return { clamd: clamd.address, rspamd: Number(new URL(rspamd.address).port) }
}

export interface StageOptions {
  readonly seed: number
  readonly weather: Weather
  readonly account: Account
  readonly scanners: Scanners
  /** Whether our own resolver asks, or the one of Node. */
  readonly validating: boolean
  readonly holdMs: number
}

/** A daemon with a fault proxy between it and everything else. */
export interface Stage {
  readonly daemon: Daemon
  readonly proxies: Readonly<Record<Pair, FaultProxy>>
  readonly dns: UdpFaultProxy
  /** Those who ask over HTTP, through their proxies; and peers that read nothing, which tell how long they were kept. */
  readonly asks: Readonly<Record<Asker, Ask>>
  readonly deaf: Readonly<Record<'operator' | 'monitoring', () => Promise<number>>>
}

export type Asker = 'operator' | 'monitoring' | 'asks for our policy' | 'policy host' | 'report host'

export type Pair =
  | 'client'
  | 'stranger'
  | 'client, TLS'
  | 'client, PROXY'
  | 'next hop'
  | 'next hop, TLS'
  | 'clamd (1)'
  | 'clamd (2)'
  | 'rspamd (1)'
  | 'rspamd (2)'
  | 'LMTP'
  | 'DNS, TCP'
  | 'operator'
  | 'monitoring'
  | 'asks for our policy'
  | 'policy host'
  | 'report host'

/** Next hops of each kind: each rests for itself when it fails. */
export const NEXT_HOPS = 12
export const OWN_DOMAIN = 'own.test'
export const clearHost = (n: number): string => `h${n}.clear.test`
const LMTP_HOSTS = 4
const lmtpHosts = Array.from({ length: LMTP_HOSTS }, (_, n) => `l${n}.lmtp.test`)
export const tlsHost = (n: number): string => `h${n}.tls.test`
const hosts = (of: (n: number) => string): string[] => Array.from({ length: NEXT_HOPS }, (_, n) => of(n))

/** Every recipient that clients write to: at the domain of each next hop, and at our own. */
export const RECIPIENTS: readonly string[] = [...hosts(clearHost), ...hosts(tlsHost), OWN_DOMAIN, ...lmtpHosts].map(
  (domain) => `someone@${domain}`,
)

export async function setStage(scope: Scope, options: StageOptions): Promise<Stage> {
  const folder = temporaryFolder(scope, 'network')
  const certificate = makeCertificate(folder, 'hop', hosts(tlsHost))
  const own = makeCertificate(folder, 'own', ['postern.test'])
  const onMessage: Account['arrive'] = (message) => options.account.arrive(message)
  const clear = await startSink(scope, { onMessage })
  const secure = await startSink(scope, { onMessage, tls: certificate })
  const names = await startNameServer(scope, zone())
  const ports = await freePorts()
  const dnsTcp = await startDnsOverTcp(scope, Number(names.server.split(':')[1]))
  const far = await startFarHost(scope)
  const clamdPath = join(folder, 'clamd-1.sock')
  const home = temporaryFolder(scope)
  const socket = join(home, 'state/admin.sock')
  const proxies = await startProxies(scope, options, {
    clamdPath,
    ports,
    clear,
    secure,
    socket,
    dnsTcp,
    far: far.port,
  })
  const dns = await startUdpFaultProxy(scope, {
    port: proxies['DNS, TCP'].port,
    to: Number(names.server.split(':')[1]),
    plan: questionPlan({ ...options, name: `dns ${options.validating}`, percent: 25, garbageUp: false }),
  })
  const daemon = await startProofDaemon(scope, { ports, own, hop: certificate, proxies, dns, clamdPath, home }, options)
  return { daemon, proxies, dns, asks: asksOf(proxies, far.authority), deaf: deafPeers(socket, ports) }
}

function zone(): Zone {
  const here = { a: ['127.0.0.1'] }
  const all = ['own-host.test', ...lmtpHosts, ...hosts(clearHost), ...hosts(tlsHost)].map(
    (name) => [name, here] as const,
  )
  return { ...Object.fromEntries(all), 'elsewhere.test': { mx: [[10, 'own-host.test']], ...here } }
}

export interface Ports {
  readonly port: number
  readonly implicitPort: number
  readonly proxiedPort: number
  readonly metricsPort: number
  readonly policyPort: number
}

const freePorts = async (): Promise<Ports> => ({
  port: await freePort(),
  implicitPort: await freePort(),
  proxiedPort: await freePort(),
  metricsPort: await freePort(),
  policyPort: await freePort(),
})

const STATUS = '/v1/status'
const METRICS = '/metrics'
const OUR_POLICY_HOST = `mta-sts.${OWN_DOMAIN}`

/** Who asks something over HTTP: operators, monitoring and senders of us, and we of others. */
function asksOf(proxies: Stage['proxies'], authority: Authority): Stage['asks'] {
  const to = (pair: Pair) => ({ host: '127.0.0.1', port: proxies[pair].port })
  const named = { servername: OUR_POLICY_HOST, headers: { host: OUR_POLICY_HOST } }
  return {
    operator: httpAsk({ ...to('operator'), path: STATUS }),
    monitoring: httpAsk({ ...to('monitoring'), path: METRICS }),
    'asks for our policy': httpAsk({
      ...{ tls: true, ...to('asks for our policy'), path: '/.well-known/mta-sts.txt' },
      ...named,
    }),
    'policy host': policyAsk(proxies['policy host'].port, authority),
    'report host': reportAsk(proxies['report host'].port, authority),
  }
}

const deafPeers = (socket: string, { metricsPort }: Ports): Stage['deaf'] => ({
  operator: () => keptDeaf({ path: socket }, STATUS),
  monitoring: () => keptDeaf({ host: '127.0.0.1', port: metricsPort }, METRICS),
})

interface Places {
  readonly clamdPath: string
  readonly ports: Ports
  /** Of operators. */
  readonly socket: string
  readonly dnsTcp: number
  readonly far: number
  readonly clear: Sink
  readonly secure: Sink
}

/** A look at its health is a few bytes, a message some thousand. */
const CLAMD_PLACES: readonly number[] = [0, 10, 20, 40, 400, 3000]

const FEW_BYTES: readonly number[] = [0, 10, 40, 80]
const HTTP_PLACES: readonly number[] = [0, 10, 60, 200, 2000]

type Ends = Pick<FaultProxyOptions, 'to' | 'tested' | 'path' | 'tap' | 'onFault' | 'onEnd'> & {
  readonly places?: readonly number[]
}

async function startProxies(
  scope: Scope,
  options: StageOptions,
  { clamdPath, ports, clear, secure, ...places }: Places,
): Promise<Stage['proxies']> {
  const { account, scanners } = options
  const make = (name: Pair, percent: number, garbageUp: boolean, more: Ends) => {
    const label = `${name} ${options.validating}`
    const random = randomFor(options.seed, `${label} bytes`)
    const plan = connectionPlan({ ...options, name: label, percent, garbageUp, places: more.places })
    return startFaultProxy(scope, { plan, holdMs: options.holdMs, random: () => random.next(), ...more })
  }
  const far = { tested: 'far' } as const
  const near = { tested: 'near' } as const
  const here = (to: number, localAddress = '127.0.0.1') => ({ to: { host: '127.0.0.1', port: to, localAddress } })
  const clamd = { to: { path: scanners.clamd }, ...near, places: CLAMD_PLACES }
  return {
    client: await make('client', 40, true, { ...here(ports.port), ...far, ...garbledTap(account) }),
    stranger: await make('stranger', 40, true, { ...here(ports.port, '127.0.0.2'), ...far, ...garbledTap(account) }),
    'client, TLS': await make('client, TLS', 40, true, { ...here(ports.implicitPort), ...far }),
    'client, PROXY': await make('client, PROXY', 40, true, {
      ...{ ...here(ports.proxiedPort), ...far, ...garbledTap(account) },
    }),
    LMTP: await make('LMTP', 70, false, { ...here(clear.port), ...near }),
    'DNS, TCP': await make('DNS, TCP', 80, false, {
      ...{ ...here(places.dnsTcp), ...near, places: FEW_BYTES },
    }),
    operator: await make('operator', 50, true, { to: { path: places.socket }, ...far, places: HTTP_PLACES }),
    monitoring: await make('monitoring', 50, true, { ...here(ports.metricsPort), ...far, places: HTTP_PLACES }),
    'asks for our policy': await make('asks for our policy', 50, true, { ...here(ports.policyPort), ...far }),
    'policy host': await make('policy host', 50, true, { ...here(places.far), ...near }),
    'report host': await make('report host', 50, true, { ...here(places.far), ...near }),
    'next hop': await make('next hop', 50, false, { ...here(clear.port), ...near }),
    'next hop, TLS': await make('next hop, TLS', 50, true, { ...here(secure.port), ...near }),
    'clamd (1)': await make('clamd (1)', 50, false, { ...clamd, ...scannedTap(account), path: clamdPath }),
    'clamd (2)': await make('clamd (2)', 50, false, { ...clamd, ...scannedTap(account) }),
    'rspamd (1)': await make('rspamd (1)', 15, false, { ...here(scanners.rspamd), ...near }),
    'rspamd (2)': await make('rspamd (2)', 15, false, { ...here(scanners.rspamd), ...near }),
  }
}

/** Notes the ids of messages whose beginning went to clamd. */
function scannedTap(account: Account): Pick<FaultProxyOptions, 'tap' | 'onEnd'> {
  const { hear, forget } = listener((id) => account.handedToScanner.add(id))
  return { tap: (direction, bytes, connection) => direction === 'up' && hear(bytes, connection), onEnd: forget }
}

/** Notes the ids that garbage in clear may have damaged: the one before it, and what follows on the same connection. */
function garbledTap(account: Account): Pick<FaultProxyOptions, 'tap' | 'onFault' | 'onEnd'> {
  const last = new Map<number, string>()
  const dirty = new Set<number>()
  const { hear, forget } = listener((id, connection) => {
    last.set(connection, id)
    if (dirty.has(connection)) account.garbled.add(id)
  })
  return {
    tap: (direction, bytes, connection) => direction === 'up' && hear(bytes, connection),
    onFault({ kind, direction }, connection) {
      if (kind !== 'garbage' || direction !== 'up') return
      dirty.add(connection)
      account.garbled.add(last.get(connection) ?? '')
    },
    onEnd(connection) {
      forget(connection)
      last.delete(connection)
      dirty.delete(connection)
    },
  }
}

/** Header fields may be cut anywhere. */
const OVERLAP = 400

interface Listener {
  hear(bytes: Buffer, connection: number): void
  forget(connection: number): void
}

/** Keeps the last bytes of each connection that stands, as they are: a piece of a string would keep all of it. */
function listener(found: (id: string, connection: number) => unknown): Listener {
  const tails = new Map<number, Buffer>()
  return {
    hear(bytes, connection) {
      const all = Buffer.concat([tails.get(connection) ?? Buffer.alloc(0), bytes])
      const text = all.toString('latin1')
      for (const [, id] of text.matchAll(/X-Proof-Id: (\S+)\r/g)) if (id !== undefined) found(alone(id), connection)
      tails.set(connection, Buffer.from(all.subarray(-OVERLAP)))
    },
    forget: (connection) => void tails.delete(connection),
  }
}

interface Cast {
  readonly ports: Ports
  readonly home: string
  readonly own: Certificate
  readonly hop: Certificate
  readonly proxies: Stage['proxies']
  readonly dns: UdpFaultProxy
  readonly clamdPath: string
}

async function startProofDaemon(scope: Scope, cast: Cast, { validating }: StageOptions): Promise<Daemon> {
  const { proxies } = cast
  const config = proofConfig({
    ...cast.ports,
    lmtp: lmtpHosts.map((host) => `${host}:${proxies.LMTP.port}`),
    certificate: cast.own,
    authorities: cast.hop.certFile,
    dns: cast.dns.port,
    validating,
    clear: Array.from({ length: NEXT_HOPS }, (_, n) => clearHost(n)),
    tls: Array.from({ length: NEXT_HOPS }, (_, n) => tlsHost(n)),
    clearPort: proxies['next hop'].port,
    tlsPort: proxies['next hop, TLS'].port,
    clamd: [cast.clamdPath, `127.0.0.1:${proxies['clamd (2)'].port}`],
    rspamd: [proxies['rspamd (1)'].port, proxies['rspamd (2)'].port],
  })
  const daemon = new Daemon(cast.home, config)
  defer(scope, () => daemon.stop())
  await daemon.start(probeEnv(daemon))
  return daemon
}

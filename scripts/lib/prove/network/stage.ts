import { join } from 'node:path'
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
import { proofConfig } from './config.ts'
import { probeEnv } from './holdings.ts'
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
}

export type Pair =
  | 'client'
  | 'stranger'
  | 'next hop'
  | 'next hop, TLS'
  | 'clamd (1)'
  | 'clamd (2)'
  | 'rspamd (1)'
  | 'rspamd (2)'

/** Next hops of each kind: each rests for itself when it fails. */
export const NEXT_HOPS = 12
export const OWN_DOMAIN = 'own.test'
export const clearHost = (n: number): string => `h${n}.clear.test`
export const tlsHost = (n: number): string => `h${n}.tls.test`
const hosts = (of: (n: number) => string): string[] => Array.from({ length: NEXT_HOPS }, (_, n) => of(n))

/** Every recipient that clients write to: at the domain of each next hop, and at our own. */
export const RECIPIENTS: readonly string[] = [...hosts(clearHost), ...hosts(tlsHost), OWN_DOMAIN].map(
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
  const dns = await startUdpFaultProxy(scope, {
    to: Number(names.server.split(':')[1]),
    plan: questionPlan({ ...options, name: `dns ${options.validating}`, percent: 25, garbageUp: false }),
  })
  const port = await freePort()
  const clamdPath = join(folder, 'clamd-1.sock')
  const proxies = await startProxies(scope, options, { clamdPath, port, clear, secure })
  const daemon = await startProofDaemon(scope, { port, own, hop: certificate, proxies, dns, clamdPath }, options)
  return { daemon, proxies, dns }
}

function zone(): Zone {
  const here = { a: ['127.0.0.1'] }
  const all = ['own-host.test', ...hosts(clearHost), ...hosts(tlsHost)].map((name) => [name, here] as const)
  return { ...Object.fromEntries(all), 'elsewhere.test': { mx: [[10, 'own-host.test']], ...here } }
}

interface Places {
  readonly clamdPath: string
  readonly port: number
  readonly clear: Sink
  readonly secure: Sink
}

type Ends = Pick<FaultProxyOptions, 'to' | 'tested' | 'path' | 'tap'>

async function startProxies(
  scope: Scope,
  options: StageOptions,
  { clamdPath, port, clear, secure }: Places,
): Promise<Stage['proxies']> {
  const { account, scanners } = options
  const make = (name: Pair, percent: number, garbageUp: boolean, more: Ends) => {
    const label = `${name} ${options.validating}`
    const random = randomFor(options.seed, `${label} bytes`)
    const plan = connectionPlan({ ...options, name: label, percent, garbageUp })
    return startFaultProxy(scope, { plan, holdMs: options.holdMs, random: () => random.next(), ...more })
  }
  const far = { tested: 'far' } as const
  const near = { tested: 'near' } as const
  const here = (to: number, localAddress = '127.0.0.1') => ({ to: { host: '127.0.0.1', port: to, localAddress } })
  const clamd = { to: { path: scanners.clamd }, ...near }
  return {
    client: await make('client', 60, true, { ...here(port), ...far }),
    stranger: await make('stranger', 60, true, { ...here(port, '127.0.0.2'), ...far }),
    'next hop': await make('next hop', 40, false, { ...here(clear.port), ...near }),
    'next hop, TLS': await make('next hop, TLS', 40, true, { ...here(secure.port), ...near }),
    'clamd (1)': await make('clamd (1)', 15, false, { ...clamd, tap: scannedTap(account), path: clamdPath }),
    'clamd (2)': await make('clamd (2)', 15, false, { ...clamd, tap: scannedTap(account) }),
    'rspamd (1)': await make('rspamd (1)', 15, false, { ...here(scanners.rspamd), ...near }),
    'rspamd (2)': await make('rspamd (2)', 15, false, { ...here(scanners.rspamd), ...near }),
  }
}

/** Header fields may be cut anywhere. */
const OVERLAP = 400

/** Notes the ids of messages whose beginning went to clamd. */
function scannedTap(account: Account): FaultProxyOptions['tap'] & object {
  const tails = new Map<number, string>()
  return (direction, bytes, connection) => {
    if (direction !== 'up') return
    const text = (tails.get(connection) ?? '') + bytes.toString('latin1')
    for (const [, id] of text.matchAll(/^X-Proof-Id: (\S+)\r$/gm)) if (id !== undefined) account.handedToScanner.add(id)
    tails.set(connection, text.slice(-OVERLAP))
  }
}

interface Cast {
  readonly port: number
  readonly own: Certificate
  readonly hop: Certificate
  readonly proxies: Stage['proxies']
  readonly dns: UdpFaultProxy
  readonly clamdPath: string
}

async function startProofDaemon(scope: Scope, cast: Cast, { validating }: StageOptions): Promise<Daemon> {
  const { proxies } = cast
  const config = proofConfig({
    port: cast.port,
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
  const daemon = new Daemon(temporaryFolder(scope), config)
  defer(scope, () => daemon.stop())
  await daemon.start(probeEnv(daemon))
  return daemon
}

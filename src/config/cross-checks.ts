import { isIP } from 'node:net'
import type { Config } from './config.ts'
import { learningNeedsAuthorities } from './learning-checks.ts'
import { formatKey, type Problem } from './problem.ts'
import { policyCanBeServed, policyNamesUs } from './publish-checks.ts'
import { reportAddressesAreNobodyElses, reportersAreProven, reportsAreSigned } from './report-checks.ts'
import type { Route } from './schema/route.ts'
import {
  scannersAreNear,
  sensitiveClientsAreServed,
  sensitiveComesBeforeSign,
  sensitiveIsEnforced,
  sensitiveMailHasAWay,
} from './sensitive-checks.ts'

/** What no key can know alone: contradictions between keys (problems), and what is allowed but seldom meant (warnings). */

/** Finds the place of a key in the file. */
export interface Finder {
  readonly file: string
  locate(path: readonly PropertyKey[]): { readonly line: number; readonly column: number }
}

interface Complaint {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

type Check = (config: Config) => Iterable<Complaint>

export function crossChecks(config: Config, finder: Finder): { problems: Problem[]; warnings: Problem[] } {
  const run = (checks: readonly Check[]) =>
    checks.flatMap((check) => [...check(config)].map((complaint) => problem(complaint, finder)))
  return { problems: run(CONTRADICTIONS), warnings: run(DOUBTS) }
}

function problem({ path, message }: Complaint, finder: Finder): Problem {
  const place = { file: finder.file, ...finder.locate(path), key: formatKey(path) }
  return { ...place, message, expected: null, found: null, nearest: null }
}

function* listenersNeedCertificates({ listeners, tls }: Config): Iterable<Complaint> {
  if (tls.certificate !== null) return
  for (const [index, { tls: kind }] of listeners.entries()) {
    if (kind === 'none') continue
    const message = `tls: ${kind} needs a certificate: give tls.certificate and tls.key, or set tls: none here`
    yield { path: ['listeners', index, 'tls'], message }
  }
}

function* listenersDiffer({ listeners }: Config): Iterable<Complaint> {
  const seen = new Map<string, number>()
  for (const [index, { address, port }] of listeners.entries()) {
    const name = `${address ?? '*'} ${port}`
    const other = seen.get(name)
    if (other !== undefined && port !== 0) {
      yield { path: ['listeners', index, 'port'], message: `listeners[${other}] has this address and port already` }
    }
    seen.set(name, index)
  }
}

function* clientsDiffer({ clients }: Config): Iterable<Complaint> {
  const names = unique('the name')
  const networks = unique('the network')
  const certificates = unique('the certificate')
  for (const [index, client] of clients.entries()) {
    const path = ['clients', index]
    yield* names.add(client.name.toLowerCase(), client.name, [...path, 'name'])
    for (const [i, { text }] of client.networks.entries())
      yield* networks.add(text, client.name, [...path, 'networks', i])
    for (const [i, hex] of client.certificates.entries()) {
      yield* certificates.add(hex, client.name, [...path, 'certificates', i])
    }
  }
}

function unique(what: string) {
  const owners = new Map<string, string>()
  return {
    *add(value: string, owner: string, path: readonly PropertyKey[]): Iterable<Complaint> {
      const other = owners.get(value)
      if (other !== undefined) yield { path, message: `${what} ${value} belongs to the client '${other}' already` }
      else owners.set(value, owner)
    },
  }
}

function* certificatesAreAskedFor({ clients, listeners, tls }: Config): Iterable<Complaint> {
  for (const [index, { certificates }] of clients.entries()) {
    if (certificates.length === 0) continue
    const path = ['clients', index, 'certificates']
    if (!tls.requestClientCertificate) {
      yield { path, message: 'no client is asked for its certificate: take out tls.requestClientCertificate: false' }
    }
    if (listeners.every(({ tls: kind }) => kind === 'none')) {
      yield { path, message: 'no listener offers TLS, so no client can show a certificate' }
    }
  }
}

function* domainsGoOneWay({ domains, routes }: Config): Iterable<Complaint> {
  for (const domain of domains.keys()) {
    if (!routes.domains.has(domain)) continue
    const message = `${domain} is one of our domains (domains) and has its way there already: take one of the two out`
    yield { path: ['routes', 'domains', domain], message }
  }
}

function* mailDoesNotComeBack(config: Config): Iterable<Complaint> {
  for (const [path, route] of allRoutes(config)) {
    for (const hop of route.hops ?? []) {
      if ('path' in hop || !leadsHere(config, hop.host, hop.port)) continue
      yield { path, message: `${hop.host}:${hop.port} is this server itself: mail would go round in circles` }
    }
  }
}

function* registerDoesNotComeBack(config: Config): Iterable<Complaint> {
  for (const { domain, nextHop } of config.secureDomains?.entries ?? []) {
    if (nextHop === null || !leadsHere(config, nextHop.host, nextHop.port)) continue
    const message = `the next hop of ${domain}, ${nextHop.host}:${nextHop.port}, is this server itself: mail would go round in circles`
    yield { path: ['secureDomains', 'file'], message }
  }
}

function leadsHere({ hostname, listeners }: Config, host: string, port: number): boolean {
  return listeners.some(({ address, port: own }) => own === port && own !== 0 && meansUs(host, hostname, address))
}

function meansUs(host: string, hostname: string, address: string | null): boolean {
  if (host === hostname || (address !== null && host === address)) return true
  return address === null && (host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.')))
}

function* allRoutes({ domains, routes }: Config): Iterable<[readonly PropertyKey[], Route]> {
  yield [['routes', 'default'], routes.default]
  for (const [domain, route] of routes.domains) yield [['routes', 'domains', domain], route]
  for (const [domain, { route }] of domains) yield [['domains', domain, 'relayTo'], route]
}

function* queueMakesSense({ queue }: Config): Iterable<Complaint> {
  const { delayNotice, lifetime, concurrency } = queue
  if (delayNotice !== null && delayNotice >= lifetime) {
    yield {
      path: ['queue', 'delayNotice'],
      message: 'is not before queue.lifetime, when the message is returned anyway',
    }
  }
  if (concurrency.initial > concurrency.perDestination) {
    yield { path: ['queue', 'concurrency', 'initial'], message: 'is more than queue.concurrency.perDestination' }
  }
}

// sun_path is 108 octets on Linux, the final zero included
const LONGEST_SOCKET = 107

function* socketFits({ admin }: Config): Iterable<Complaint> {
  const length = Buffer.byteLength(admin.socket)
  if (length <= LONGEST_SOCKET) return
  const message = `${admin.socket} has ${length} octets; the path of a Unix socket may have ${LONGEST_SOCKET}`
  yield { path: ['admin', 'socket'], message }
}

function* relayIsClosed({ clients }: Config): Iterable<Complaint> {
  for (const [index, client] of clients.entries()) {
    const everywhere = client.networks.findIndex(({ prefix }) => prefix === 0)
    if (everywhere < 0 || !client.mayRelay) continue
    const message = 'is the whole internet, and mayRelay lets it send anywhere: this is an open relay'
    yield { path: ['clients', index, 'networks', everywhere], message }
  }
}

function* pluginsStandOnce({ inspect }: Config): Iterable<Complaint> {
  const seen = new Set<string>()
  for (const [index, { name, module }] of inspect.entries()) {
    const which = module ?? name
    if (seen.has(which)) yield { path: ['inspect', index], message: `the plugin ${which} stands here a second time` }
    seen.add(which)
  }
}

const CONTRADICTIONS: readonly Check[] = [
  listenersNeedCertificates,
  listenersDiffer,
  clientsDiffer,
  certificatesAreAskedFor,
  domainsGoOneWay,
  mailDoesNotComeBack,
  registerDoesNotComeBack,
  queueMakesSense,
  socketFits,
  pluginsStandOnce,
  sensitiveClientsAreServed,
  sensitiveComesBeforeSign,
  relayIsClosed,
  policyCanBeServed,
  reportAddressesAreNobodyElses,
]

function* retriesAreLongEnough({ queue }: Config): Iterable<Complaint> {
  const days = 86_400_000
  if (queue.lifetime >= 4 * days) return
  yield {
    path: ['queue', 'lifetime'],
    message: 'RFC 5321 section 4.5.4.1 asks for at least 4d: a server that is down over a weekend loses mail',
  }
}

function* nameIsWhole({ hostname }: Config): Iterable<Complaint> {
  if (hostname.includes('.')) return
  yield { path: ['hostname'], message: `${hostname} has no dot: many servers refuse mail from who greets them with it` }
}

function* passwordsGoToProvenHosts(config: Config): Iterable<Complaint> {
  for (const [path, { login, tls }] of allRoutes(config)) {
    if (login !== null && !tls.verify) {
      yield { path, message: 'verify: false together with a login: whoever is in between can take the password' }
    }
  }
}

function* senderListsMeanSomething({ clients }: Config): Iterable<Complaint> {
  for (const [index, client] of clients.entries()) {
    if (client.device && client.senders.some(({ is }) => is === 'any')) {
      yield { path: ['clients', index, 'senders'], message: "a device that may send as anyone ('*'): name its address" }
    }
  }
}

const DOUBTS: readonly Check[] = [
  nameIsWhole,
  retriesAreLongEnough,
  passwordsGoToProvenHosts,
  senderListsMeanSomething,
  sensitiveIsEnforced,
  sensitiveMailHasAWay,
  scannersAreNear,
  learningNeedsAuthorities,
  policyNamesUs,
  reportsAreSigned,
  reportersAreProven,
]

import type { Clock } from '../clock.ts'
import type { Reply } from '../mail/reply.ts'
import { type SecureDomain, type SecureRegister, standingOf } from '../mail/secure-domain.ts'
import type { Resolver } from '../net/dns.ts'
import type { PathQuestion } from '../transport/contract.ts'
import { formatDestination } from './destination.ts'
import { exchangersOf } from './exchangers.ts'
import type { NextHop } from './hop.ts'
import type { Need } from './need.ts'
import { type PathDecisions, type PathSecurity, refusedHosts } from './path-security.ts'
import { ownReply } from './replies.ts'
import { type HostsRoute, type MxRoute, type Route, type RouteTable, routeTo } from './route.ts'
import type { HopHosts } from './targets.ts'
import type { TlsKeys } from './tls-keys.ts'

/** Mail whose next hop is looked for. */
export interface Way {
  readonly destination: string
  /** The recipients' domain. */
  readonly domain: string
  readonly need: Need
}

export type Found =
  | { readonly is: 'hop'; readonly next: NextHop }
  | { readonly is: 'permanent' | 'temporary'; readonly reply: Reply }
  | Stopped

/** No path may be taken for now, whatever was known before. */
export interface Stopped {
  readonly is: 'stopped'
  readonly reply: Reply
  /** What is wrong, host by host. */
  readonly tried: readonly string[]
  /** Null: not even a decision could be had. */
  readonly security: PathSecurity | null
  /** Somebody counts on a proven path. */
  readonly proof: boolean
}

export interface RouterDeps {
  readonly resolver: Resolver
  readonly tlsKeys: TlsKeys
  readonly decisions: PathDecisions
  readonly clock: Clock
}

/** A route with its hosts, before it is known what they must prove. */
interface Candidate {
  readonly route: HostsRoute | MxRoute
  readonly hosts: HopHosts
  readonly authentic: boolean
  /** Everything that makes a connection fit for one route and not for another, but the hosts. */
  readonly path: string
}

const NO_HOSTS: HopHosts = { hosts: [], from: 'configured' }

/** Finds the next hop of a destination, and what the path there must prove: at once where both are known. */
export class Router {
  readonly #table: RouteTable
  readonly #register: SecureRegister
  readonly #deps: RouterDeps

  constructor(table: RouteTable, register: SecureRegister, deps: RouterDeps) {
    this.#table = table
    this.#register = register
    this.#deps = deps
  }

  find(way: Way): Found | Promise<Found> {
    const destination = this.#registered(way)
    if (typeof destination !== 'string') return destination
    const found = routeTo(destination, this.#table)
    if (found === null) return astray(`${destination} is no destination`)
    const { route, domain } = found
    if (route.via === 'store' || route.via === 'socket') return { is: 'hop', next: onThisMachine(route) }
    if (route.via === 'hosts') return this.#decide(this.#configured(route), way)
    return domain === '' ? astray(`${destination} has no domain`) : this.#exchangers(route, domain, way)
  }

  /** Where mail of a registered domain goes: its entry counts before routes, and before operators. */
  #registered({ destination, domain }: Way): string | Stopped {
    const nextHop = this.#entryOf(domain)?.nextHop ?? null
    if (nextHop === null) return destination
    const only = formatDestination({ is: 'host', protocol: 'smtp', ...nextHop })
    if (destination === domain || destination === only) return only
    const text = `the register of secure domains sends mail for ${domain} to ${only} only, not to ${destination}`
    return { is: 'stopped', reply: ownReply(451, '4.7.1', text), tried: [], security: null, proof: true }
  }

  #entryOf(domain: string): SecureDomain | null {
    if (this.#register.exact.size === 0) return null
    const standing = standingOf(domain, this.#register, this.#deps.clock.now())
    return standing.is === 'secure' ? standing.entry : null
  }

  #configured(route: HostsRoute): Candidate {
    const { protocol, order, tls, login } = route
    const hosts = route.hosts.map(({ host, port }, i) => ({ host, port, preference: i }))
    const path = `${protocol} ${order} ${this.#deps.tlsKeys.of(tls)} ${login?.user ?? ''}`
    return { route, hosts: { hosts, from: 'configured' }, authentic: false, path }
  }

  async #exchangers(route: MxRoute, domain: string, way: Way): Promise<Found> {
    const { resolver, tlsKeys } = this.#deps
    const found = await exchangersOf(domain, route.port, resolver)
    if (found.is !== 'found') return found
    const { hosts, implicit, authentic } = found
    const path = `mx ${tlsKeys.of(route.tls)}`
    return this.#decide({ route, hosts: { hosts, from: implicit ? 'implicit' : 'mx' }, authentic, path }, way)
  }

  #decide(candidate: Candidate, way: Way): Found | Promise<Found> {
    const { hosts, authentic, path } = candidate
    const question = questionOf(candidate, way)
    const { from, exchangersOf = '' } = question
    const whole = `${path} ${from} ${exchangersOf} ${authentic} ${namesOf(hosts)}`
    const security = this.#deps.decisions.of(question, whole)
    if (!(security instanceof Promise)) return decided(candidate, security)
    return security.then((found) => decided(candidate, found)).catch((error) => undecided(way, error))
  }
}

/** This machine: nobody is on the path. */
function onThisMachine(route: Extract<Route, { via: 'store' | 'socket' }>): NextHop {
  if (route.via === 'store') return { key: 'store', name: 'mailboxes', route, hosts: NO_HOSTS, security: null }
  return { key: `lmtp ${route.path}`, name: route.path, route, hosts: NO_HOSTS, security: null }
}

function questionOf({ route, hosts, authentic }: Candidate, { destination, domain, need }: Way): PathQuestion {
  const isElsewhere = destination !== domain
  return {
    domain,
    hosts: hosts.hosts.map(({ host, port }) => ({ host, port })),
    // Exchangers of a domain that an operator put in the place of the recipients' are the operator's choice
    from: isElsewhere ? 'configured' : hosts.from,
    ...(isElsewhere && hosts.from !== 'configured' && { exchangersOf: destination }),
    authentic,
    routeTls: route.tls,
    need,
  }
}

function decided({ route, hosts: { hosts, from }, path }: Candidate, security: PathSecurity): Found {
  const { decision, demands, need } = security
  if (decision.stopped !== null) return stopped(security, decision.stopped)
  const allowed = hosts.filter(({ host, port }) => demands.has(`${host} ${port}`))
  if (allowed.length === 0) return stopped(security, { text: 'no host may be tried', status: '4.7.5' })
  const left: HopHosts = { hosts: allowed, from }
  const name = allowed.map(({ host, port }) => (route.via === 'mx' ? host : `${host}:${port}`)).join(', ')
  const key = `${path} ${namesOf(left)} ${need} ${decision.key}`
  return { is: 'hop', next: { key, name, route, hosts: left, security } }
}

function stopped(security: PathSecurity, { text, status }: { text: string; status: string }): Stopped {
  const tried = refusedHosts(security)
  return { is: 'stopped', reply: ownReply(451, status, text), tried, security, proof: true }
}

/** The contract is broken: what nobody decided about is not sent. */
function undecided({ domain }: Way, error: unknown): Stopped {
  const text = `the path to ${domain} could not be decided about: ${error instanceof Error ? error.message : 'unknown error'}`
  return { is: 'stopped', reply: ownReply(451, '4.3.0', text), tried: [], security: null, proof: false }
}

const astray = (text: string): Found => ({ is: 'temporary', reply: ownReply(451, '4.3.5', text) })

const namesOf = ({ hosts }: HopHosts): string =>
  hosts.map(({ preference, host, port }) => `${preference} ${host}:${port}`).join(', ')

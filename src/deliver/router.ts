import type { Reply } from '../mail/reply.ts'
import type { Resolver } from '../net/dns.ts'
import { exchangersOf } from './exchangers.ts'
import type { NextHop } from './hop.ts'
import { ownReply } from './replies.ts'
import { type HostsRoute, type MxRoute, type Route, type RouteTable, routeTo } from './route.ts'
import type { TlsKeys } from './tls-keys.ts'

export type Found =
  | { readonly is: 'hop'; readonly next: NextHop }
  | { readonly is: 'permanent' | 'temporary'; readonly reply: Reply }

const NO_HOSTS: NextHop['hosts'] = { hosts: [], from: 'configured' }

/** Finds the next hop of a destination: at once, but for MX, which the DNS is asked for. */
export class Router {
  readonly #table: RouteTable
  readonly #resolver: Resolver
  readonly #tlsKeys: TlsKeys

  constructor(table: RouteTable, resolver: Resolver, tlsKeys: TlsKeys) {
    this.#table = table
    this.#resolver = resolver
    this.#tlsKeys = tlsKeys
  }

  find(destination: string, strict: boolean): Found | Promise<Found> {
    const found = routeTo(destination, this.#table)
    if (found === null) {
      return { is: 'temporary', reply: ownReply(451, '4.3.5', `${destination} is no destination`) }
    }
    const { route, domain } = found
    if (route.via !== 'mx') return { is: 'hop', next: this.#fixed(route, strict) }
    if (domain !== '') return this.#exchangers(route, domain, strict)
    return { is: 'temporary', reply: ownReply(451, '4.3.5', `${destination} has no domain`) }
  }

  #fixed(route: Exclude<Route, MxRoute>, strict: boolean): NextHop {
    if (route.via === 'store') return { key: 'store', name: 'mailboxes', route, hosts: NO_HOSTS, strict: false }
    if (route.via === 'socket') {
      return { key: `lmtp ${route.path}`, name: route.path, route, hosts: NO_HOSTS, strict: false }
    }
    const name = route.hosts.map(({ host, port }) => `${host}:${port}`).join(', ')
    const hosts = route.hosts.map(({ host, port }, i) => ({ host, port, preference: i }))
    return { key: this.#hostsKey(route, name, strict), name, route, hosts: { hosts, from: 'configured' }, strict }
  }

  /** Everything that makes a connection fit for one route and not for another. */
  #hostsKey({ protocol, order, tls, login }: HostsRoute, name: string, strict: boolean): string {
    const path = `${protocol} ${name} ${order} ${this.#tlsKeys.of(tls)} ${login?.user ?? ''}`
    return strict ? `${path} strict` : path
  }

  async #exchangers(route: MxRoute, domain: string, strict: boolean): Promise<Found> {
    const found = await exchangersOf(domain, route.port, this.#resolver)
    if (found.is !== 'found') return found
    const { hosts, implicit } = found
    const name = hosts.map(({ host }) => host).join(', ')
    const list = hosts.map(({ preference, host }) => `${preference} ${host}`).join(', ')
    const key = `mx ${route.port} ${list} ${this.#tlsKeys.of(route.tls)}${strict ? ' strict' : ''}`
    return { is: 'hop', next: { key, name, route, hosts: { hosts, from: implicit ? 'implicit' : 'mx' }, strict } }
  }
}

import type { ConnectionOptions } from 'node:tls'
import { type Destination, parseDestination } from './destination.ts'

/** How mail gets to a destination, as the operator wrote it down. */
export type Route = MxRoute | HostsRoute | SocketRoute | StoreRoute

/** The domain's own mail exchangers, RFC 5321 section 5.1. */
export interface MxRoute {
  readonly via: 'mx'
  /** Port of every exchanger: 25 but in tests. */
  readonly port: number
  readonly tls: RouteTls
}

/** Certain hosts: a smarthost, or the server of a domain of ours. Their addresses are looked up, never their MX. */
export interface HostsRoute {
  readonly via: 'hosts'
  readonly protocol: 'smtp' | 'lmtp'
  readonly hosts: readonly { readonly host: string; readonly port: number }[]
  /** `listed`: each connection tries them in order. `rotated`: each begins with another one. */
  readonly order: 'listed' | 'rotated'
  readonly tls: RouteTls
  readonly login: { readonly user: string; readonly password: string } | null
  /** As in `ClientOptions`; left out, such messages fail. */
  readonly eightBitWithout8BitMime?: 'send' | 'fail'
}

/** LMTP over a Unix socket. */
export interface SocketRoute {
  readonly via: 'socket'
  readonly path: string
}

/** The mailboxes of this very process, through the port MessageStore. */
export interface StoreRoute {
  readonly via: 'store'
}

export interface RouteTls {
  readonly mode: 'none' | 'opportunistic' | 'required' | 'implicit'
  /** With `required` and `implicit`: the certificate must be valid and in the host's name. */
  readonly verify: boolean
  /** Authorities, versions, ciphers. */
  readonly options: ConnectionOptions
}

export interface RouteTable {
  readonly default: Route
  /** By recipient domain, or by `.example.org` for every name below it; the longest match counts. */
  readonly domains: ReadonlyMap<string, Route>
}

export const OPPORTUNISTIC: RouteTls = { mode: 'opportunistic', verify: false, options: {} }

export const MX_ROUTE: MxRoute = { via: 'mx', port: 25, tls: OPPORTUNISTIC }

/** The route to a destination, with the domain that it is for where it is `mx`; null if the text is no destination. */
export function routeTo(text: string, table: RouteTable): { route: Route; domain: string } | null {
  const destination = parseDestination(text)
  if (destination === null) return null
  if (destination.is === 'domain') return { route: tabled(destination.domain, table), domain: destination.domain }
  return { route: explicit(destination, table), domain: '' }
}

function tabled(domain: string, { domains, default: otherwise }: RouteTable): Route {
  const exact = domains.get(domain)
  if (exact) return exact
  for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
    const below = domains.get(domain.slice(dot))
    if (below) return below
  }
  return otherwise
}

/**
 * A next hop that an operator named. Where the table knows the same host and port, what it says of
 * TLS and login holds here too: a new way for a message must not be a less protected one.
 */
function explicit(destination: Exclude<Destination, { is: 'domain' }>, table: RouteTable): Route {
  if (destination.is === 'socket') return { via: 'socket', path: destination.path }
  const { protocol, host, port } = destination
  const known = [table.default, ...table.domains.values()].find(
    (route) => route.via === 'hosts' && route.hosts.some((each) => each.host === host && each.port === port),
  )
  const { tls, login } = known?.via === 'hosts' ? known : { tls: OPPORTUNISTIC, login: null }
  return { via: 'hosts', protocol, hosts: [{ host, port }], order: 'listed', tls, login }
}

/** RFC 2033 and local delivery are final: what was taken is in a mailbox. */
export const isFinal = (route: Route): boolean =>
  route.via === 'store' || route.via === 'socket' || (route.via === 'hosts' && route.protocol === 'lmtp')

import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import type { Config, Route as ConfigRoute, RouteTls as ConfigTls, NextHop } from '../config/index.ts'
import { DELIVER_DEFAULTS, type DeliverOptions } from '../deliver/options.ts'
import type { HostsRoute, Route, RouteTable, RouteTls } from '../deliver/route.ts'
import { EMPTY_REGISTER } from '../mail/secure-domain.ts'
import type { Chance } from '../spool/contract.ts'
import { reportsRoute } from './reports.ts'

/** What delivery decides by, from the configuration. Throws Error, in words for the operator, if a file of authorities cannot be read. */
export function deliverOptions(config: Config, listening: DeliverOptions['lookup']['ownAddresses']): DeliverOptions {
  const { queue, delivery } = config
  return {
    ...DELIVER_DEFAULTS,
    hostname: config.hostname,
    helo: delivery.helo,
    routes: routeTable(config),
    register: config.secureDomains?.register ?? EMPTY_REGISTER,
    retry: { waitsMs: queue.schedule, jitter: queue.jitter },
    backOff: { waitsMs: queue.backOff, jitter: queue.jitter },
    lifetimeMs: queue.lifetime,
    bounceLifetimeMs: Math.min(queue.bounceLifetime, queue.lifetime),
    afterReleaseMs: queue.afterRelease,
    delayNoticeMs: queue.delayNotice,
    concurrency: concurrency(config),
    connections: { idleMs: queue.connections.idle, messages: queue.connections.messages, ageMs: queue.connections.age },
    memory: { ...DELIVER_DEFAULTS.memory, bytes: queue.memoryForFreshContent },
    timeouts: delivery.timeouts,
    localAddresses: [delivery.localAddressV4, delivery.localAddressV6].filter((address) => address !== null),
    lookup: {
      ...DELIVER_DEFAULTS.lookup,
      maxHosts: delivery.maxHosts,
      maxAddresses: delivery.maxAddresses,
      families: delivery.families.map((family) => (family === 'ipv4' ? 4 : 6)),
      ownNames: [config.hostname, delivery.helo],
      ownAddresses: listening,
    },
    notifications: notifications(config),
    askTimeoutMs: config.recipientCheck.timeout,
  }
}

/** What a release gives, by an operator as at a deadline. */
export const chanceOf = ({ queue }: Config): Chance => ({ lifetimeMs: queue.lifetime, atLeastMs: queue.afterRelease })

const notifications = ({ notifications: found }: Config): DeliverOptions['notifications'] => ({
  from: found.from,
  postmaster: null,
  returned: found.returned,
  fullBytes: found.fullSize,
  headerBytes: found.headerSize,
})

function concurrency({ queue: { concurrency: found } }: Config): DeliverOptions['concurrency'] {
  const { initial, perDestination, total } = found
  return { initial: Math.min(initial, perDestination), perNextHop: perDestination, total }
}

/** The table of routes: the operator's overrides, under what the domains of ours say of themselves. */
function routeTable(config: Config): RouteTable {
  const toRoute = (route: ConfigRoute) => routeOf(route, config)
  const overrides = [...config.routes.domains].map(([domain, route]) => [domain, toRoute(route)] as const)
  const ours = [...config.domains].map(([domain, { route }]) => [domain, toRoute(route)] as const)
  return { default: toRoute(config.routes.default), domains: new Map([...overrides, ...ours, reportsRoute]) }
}

function routeOf(route: ConfigRoute, config: Config): Route {
  const tls = tlsOf(route.tls, config)
  if (route.hops === null) return { via: 'mx', port: route.port, tls }
  const socket = route.hops.find((hop) => 'path' in hop)
  if (socket !== undefined) return { via: 'socket', path: socket.path }
  return hostsRoute(route, tls, route.hops)
}

function hostsRoute(route: ConfigRoute, tls: RouteTls, hops: readonly NextHop[]): HostsRoute {
  const { login, protocol, order } = route
  return {
    via: 'hosts',
    protocol,
    hosts: hops.filter((hop) => 'host' in hop),
    order,
    tls,
    login: login === null ? null : { user: login.user, password: login.password.reveal() },
  }
}

function tlsOf({ mode, verify, authorities }: ConfigTls, { delivery }: Config): RouteTls {
  const ca: ConnectionOptions = authorities === null ? {} : { ca: readFileSync(authorities) }
  return { mode, verify, options: { minVersion: delivery.minTlsVersion, ...ca } }
}

import { createHash } from 'node:crypto'
import { formatDestination } from '../deliver/destination.ts'
import { type HostsRoute, type Route, type RouteTls, routeTo } from '../deliver/route.ts'
import { type SecureStanding, standingOf } from '../mail/secure-domain.ts'
import { exceptionFor } from '../transport/exceptions.ts'
import type { World } from './world.ts'

/** Where mail for a domain goes, and what the path there must prove: as far as files say it, not the DNS. */
export interface Way {
  readonly route: string
  readonly path: string
}

/** Of domains, so many answers are kept. */
const MOST_KEPT = 10_000

/** Finds the ways of one configuration. */
export class Ways {
  readonly #world: World
  readonly #kept = new Map<string, Way>()

  constructor(world: World) {
    this.#world = world
  }

  /** `domain`: lower-case A-labels. */
  of(domain: string): Way {
    const kept = this.#kept.get(domain)
    if (kept !== undefined) return kept
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear()
    const way = wayOf(domain, this.#world)
    this.#kept.set(domain, way)
    return way
  }
}

function wayOf(domain: string, { options: { routes, transport }, now }: World): Way {
  const standing = standingOf(domain, transport.register, now)
  const nextHop = standing.is === 'secure' ? standing.entry.nextHop : null
  const destination = nextHop === null ? domain : formatDestination({ is: 'host', protocol: 'smtp', ...nextHop })
  const route = routeTo(destination, routes)?.route
  if (route === undefined) return { route: 'nowhere: no destination', path: 'none' }
  if (route.via === 'store' || route.via === 'socket') return { route: inWords(route), path: 'on this machine' }
  return { route: inWords(route), path: pathOf(domain, standing, route, { ...transport, now }) }
}

function inWords(route: Route): string {
  if (route.via === 'store') return 'this relay itself'
  if (route.via === 'socket') return `lmtp:${route.path}`
  if (route.via === 'mx') return route.port === 25 ? 'its MX' : `its MX, port ${route.port}`
  return hostsInWords(route)
}

function hostsInWords({ protocol, hosts, order, login }: HostsRoute): string {
  const names = hosts.map(({ host, port }) => `${host}:${port}`).join(', ')
  const turn = hosts.length > 1 && order === 'rotated' ? ' in turn' : ''
  return `${protocol === 'lmtp' ? 'lmtp:' : ''}${names}${turn}${login === null ? '' : ` as ${login.user}`}`
}

/** In the order of precedence of the room `transport`, without what others publish. */
function pathOf(
  domain: string,
  standing: SecureStanding,
  route: Extract<Route, { readonly tls: RouteTls }>,
  { dane, mtaSts, exceptions, now }: World['options']['transport'] & { readonly now: number },
): string {
  const { tls } = route
  if (standing.is === 'secure') return `${requirement(standing)}${details(tls)}`
  const published = [...(dane ? ['DANE'] : []), ...(mtaSts ? ['MTA-STS'] : [])]
  const first = route.via === 'mx' && published.length > 0 ? `${published.join(' or ')} where published, else ` : ''
  if (tls.mode === 'none') return `${first}in clear`
  const isExcepted = tls.mode === 'required' && exceptionFor(domain, exceptions, now) !== null
  if (isExcepted) return `${first}TLS if offered, by a dated exception${details(tls)}`
  if (tls.mode === 'opportunistic') return `${first}TLS if offered${details(tls)}`
  return `${first}TLS${tls.mode === 'implicit' ? ' from the first byte' : ''}${tls.verify ? ', verified' : ''}${details(tls)}`
}

function requirement({ entry }: Extract<SecureStanding, { is: 'secure' }>): string {
  const { prove, fingerprints, minTls, ciphers } = entry.requirement
  const pins = prove === 'pinned' ? ` ${digest([...fingerprints].sort())}` : ''
  const own = ciphers === null ? '' : `, ciphers ${ciphers.join(':')}`
  return `secure domain ${entry.domain}: ${prove}${pins}, ${minTls} or newer${own}`
}

/** What may differ besides. */
function details({ options: { minVersion, ca } }: RouteTls): string {
  const version = minVersion === undefined || minVersion === 'TLSv1.2' ? '' : `, ${minVersion}`
  return `${version}${ca === undefined ? '' : `, authorities ${digest(String(ca))}`}`
}

const digest = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 8)

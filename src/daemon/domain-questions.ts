import { isIP } from 'node:net'
import type { DomainWay } from '../admin/domains.ts'
import { formatDestination } from '../deliver/destination.ts'
import { exchangersOf } from '../deliver/exchangers.ts'
import { type HostsRoute, type MxRoute, type RouteTable, routeTo } from '../deliver/route.ts'
import { type SecureRegister, standingOf } from '../mail/secure-domain.ts'
import type { Resolver } from '../net/dns.ts'
import type { PathQuestion } from '../transport/contract.ts'

/** What delivery goes by. */
export interface Ways {
  readonly routes: RouteTable
  readonly register: SecureRegister
  readonly resolver: Resolver
  /** Milliseconds since 1970. */
  readonly now: number
}

type HostPort = PathQuestion['hosts'][number]

/**
 * The question about the path to a domain that delivery would ask now: the register's next hop, else the route,
 * else the exchangers. `instead`: a next hop that is only thought of. Never rejects.
 */
export async function wayTo(
  domain: string,
  need: PathQuestion['need'],
  ways: Ways,
  instead: HostPort | null = null,
): Promise<DomainWay> {
  const named = instead ?? registeredHop(domain, ways)
  const destination = named === null ? domain : formatDestination({ is: 'host', protocol: 'smtp', ...named })
  const found = routeTo(destination, ways.routes)
  if (found === null) return { says: `${destination} is no destination`, question: null }
  const { route } = found
  if (route.via === 'store') return { says: 'to mailboxes on this machine: there is no path', question: null }
  if (route.via === 'socket') return { says: `to ${route.path} on this machine: there is no path`, question: null }
  if (route.via === 'mx') return byExchangers(domain, need, route, ways)
  const by = instead === null ? 'the next hop of its entry in the register' : 'the next hop that was asked for'
  return toHosts(domain, need, route, named === null ? 'its route' : by)
}

function registeredHop(domain: string, { register, now }: Ways): HostPort | null {
  const standing = standingOf(domain, register, now)
  return standing.is === 'secure' ? standing.entry.nextHop : null
}

async function byExchangers(
  domain: string,
  need: PathQuestion['need'],
  { port, tls }: MxRoute,
  { resolver }: Ways,
): Promise<DomainWay> {
  const found = await exchangersOf(domain, port, resolver)
  if (found.is !== 'found') return { says: found.reply.lines.join(' '), question: null }
  const { implicit, authentic } = found
  const vouched = authentic ? ', DNSSEC vouches for them' : ', without DNSSEC'
  const hosts = found.hosts.map(({ host, port }) => ({ host, port }))
  const question = { domain, hosts, from: implicit ? 'implicit' : 'mx', authentic, routeTls: tls, need } as const
  return {
    says: implicit ? `to the domain itself, for it has no MX${vouched}` : `by its exchangers (MX)${vouched}`,
    question,
  }
}

function toHosts(domain: string, need: PathQuestion['need'], { hosts, tls }: HostsRoute, by: string): DomainWay {
  const listed = hosts.map(({ host, port }) => (isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`)).join(', ')
  const question = { domain, hosts, from: 'configured', authentic: false, routeTls: tls, need } as const
  return { says: `to ${listed}, by ${by}`, question }
}

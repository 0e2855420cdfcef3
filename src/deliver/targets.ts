import { BlockList, isIP } from 'node:net'
import type { Reply } from '../mail/reply.ts'
import type { HostAddress, Resolver } from '../net/dns.ts'
import { dnsFailure, type Exchanger } from './exchangers.ts'
import type { LookupOptions } from './options.ts'
import { ownReply } from './replies.ts'

/** One address of one host. */
export interface Target {
  readonly host: string
  readonly address: string
  readonly port: number
}

/** The hosts of a next hop, before their addresses are known. */
export interface HopHosts {
  readonly hosts: readonly Exchanger[]
  /** `configured`: the operator named them, so whatever is wrong with them can be put right: it is temporary. */
  readonly from: 'mx' | 'implicit' | 'configured'
}

export type Targets =
  | { readonly is: 'found'; readonly targets: readonly Target[] }
  | { readonly is: 'permanent' | 'temporary'; readonly reply: Reply }

export interface LookupContext {
  readonly resolver: Resolver
  readonly options: LookupOptions
  readonly hostname: string
  readonly random: () => number
}

/**
 * The addresses of a next hop in the order in which they are to be tried: hosts by preference,
 * equals shuffled, both families in turn. Leaves out ourselves with everything that is preferred no more
 * than we are (RFC 5321 section 5.1), and what no exchanger in the public DNS may be. Never rejects.
 */
export async function targetsOf({ hosts, from }: HopHosts, context: LookupContext): Promise<Targets> {
  const search = new Search(from, context)
  for (const group of groups(hosts)) {
    if (search.isFull || (await search.take(shuffled(group, context.random)))) break
  }
  return search.result(hosts[0]?.host ?? '')
}

/** Hosts of equal preference, the best ones first. */
function groups(hosts: readonly Exchanger[]): Exchanger[][] {
  const byPreference = Map.groupBy(hosts, ({ preference }) => preference)
  return [...byPreference.entries()].sort(([a], [b]) => a - b).map(([, group]) => group)
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const mixed = [...items]
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const [a, b] = [mixed[i], mixed[j]]
    if (a !== undefined && b !== undefined) [mixed[i], mixed[j]] = [b, a]
  }
  return mixed
}

type Trouble = 'loop' | 'local' | 'nowhere'

class Search {
  readonly #from: HopHosts['from']
  readonly #context: LookupContext
  readonly #targets: Target[] = []
  readonly #troubles = new Set<Trouble>()
  #hosts = 0
  #dnsTrouble: Reply | null = null

  constructor(from: HopHosts['from'], context: LookupContext) {
    this.#from = from
    this.#context = context
  }

  get isFull(): boolean {
    const { maxHosts, maxAddresses } = this.#context.options
    return this.#hosts >= maxHosts || this.#targets.length >= maxAddresses
  }

  /** Adds the hosts of one preference. True if we are among them: then this one and all after it are not for us. */
  async take(group: readonly Exchanger[]): Promise<boolean> {
    const looked = group.slice(0, this.#context.options.maxHosts)
    const found = await Promise.all(looked.map((exchanger) => this.#addresses(exchanger)))
    const own =
      group.some((each) => this.#isOwnName(each)) || looked.some((each, i) => this.#isOurs(each, found[i] ?? []))
    if (own) this.#troubles.add('loop')
    else for (const [i, exchanger] of looked.entries()) this.#add(exchanger, found[i] ?? [])
    return own
  }

  result(name: string): Targets {
    const { maxAddresses } = this.#context.options
    if (this.#targets.length > 0) return { is: 'found', targets: this.#targets.slice(0, maxAddresses) }
    if (this.#dnsTrouble !== null) return { is: 'temporary', reply: this.#dnsTrouble }
    return this.#from === 'configured' ? this.#misconfigured(name) : { is: 'permanent', reply: this.#unroutable(name) }
  }

  #misconfigured(name: string): Targets {
    const what = this.#troubles.has('loop') ? 'is this relay itself' : 'has no address'
    return { is: 'temporary', reply: ownReply(451, '4.3.5', `the next hop ${name} ${what}`) }
  }

  #unroutable(name: string): Reply {
    if (this.#troubles.has('loop')) return ownReply(554, '5.4.6', `mail for ${name} would come back to this relay`)
    if (this.#troubles.has('local'))
      return ownReply(550, '5.4.4', `the mail exchanger ${name} is not a host of its own`)
    const status = this.#from === 'implicit' ? '5.1.2' : '5.4.4'
    return ownReply(550, status, `${name} has no address`)
  }

  async #addresses({ host }: Exchanger): Promise<readonly HostAddress[]> {
    const family = isIP(host)
    if (family === 4 || family === 6) return this.#given(host, family)
    const answer = await this.#context.resolver.resolveAddresses(host)
    if (answer.is === 'found') return answer.records
    if (answer.is === 'failed') this.#dnsTrouble ??= dnsFailure(host, answer.cause)
    else this.#troubles.add('nowhere')
    return []
  }

  /** RFC 5321 section 5.1: an exchanger is a name. */
  #given(address: string, family: 4 | 6): readonly HostAddress[] {
    if (this.#from !== 'mx' || this.#context.options.allowLocal) return [{ address, family }]
    this.#troubles.add('local')
    return []
  }

  /** A configured host may be this machine under our name, on another port; in the DNS the name means us. */
  #isOwnName({ host }: Exchanger): boolean {
    const { hostname, options } = this.#context
    return this.#from !== 'configured' && (host === hostname || options.ownNames.includes(host))
  }

  #isOurs({ port }: Exchanger, addresses: readonly HostAddress[]): boolean {
    const { ownAddresses } = this.#context.options
    return addresses.some(({ address }) => ownAddresses.some((own) => own.address === address && own.port === port))
  }

  #add({ host, port }: Exchanger, addresses: readonly HostAddress[]): void {
    if (this.isFull) return
    const usable = inTurn(addresses, this.#context.options.families).filter((address) => this.#isAllowed(address))
    if (usable.length === 0) return
    this.#hosts++
    for (const address of usable) this.#targets.push({ host, address, port })
  }

  #isAllowed(address: string): boolean {
    if (this.#from === 'configured' || this.#context.options.allowLocal || !isLocal(address)) return true
    this.#troubles.add('local')
    return false
  }
}

/** The families take turns, so that one that does not work costs one attempt and not all. */
function inTurn(addresses: readonly HostAddress[], families: readonly (4 | 6)[]): string[] {
  const lists = families.map((family) => addresses.filter((each) => each.family === family))
  const longest = Math.max(0, ...lists.map((list) => list.length))
  const order: string[] = []
  for (let i = 0; i < longest; i++) {
    for (const list of lists) {
      const next = list[i]
      if (next) order.push(next.address)
    }
  }
  return order
}

const LOCAL = new BlockList()
LOCAL.addSubnet('127.0.0.0', 8)
LOCAL.addSubnet('0.0.0.0', 8)
LOCAL.addAddress('::1', 'ipv6')
LOCAL.addAddress('::', 'ipv6')

/** Whether an address is that of whatever machine uses it. IPv4-mapped addresses count as what they stand for. */
const isLocal = (address: string): boolean => LOCAL.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

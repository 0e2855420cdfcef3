import { isIP } from 'node:net'
import type { DomainPort, ExplainedDomain, ProbedDomain, ProbeWish } from '../admin/domains.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/index.ts'
import type { DeliverOptions } from '../deliver/options.ts'
import type { Log } from '../log.ts'
import { type PathRequirement, standingOf } from '../mail/secure-domain.ts'
import type { Resolver } from '../net/dns.ts'
import type { PathQuestion } from '../transport/contract.ts'
import type { Transport } from '../transport/open.ts'
import type { HostProbe, ProbeHost } from '../transport/probe.ts'
import { probeHost } from '../transport/probe-host.ts'
import { deliverOptions } from './deliver-options.ts'
import { type Ways, wayTo } from './domain-questions.ts'

export interface DomainParts {
  /** What delivery goes by, as it is in force. */
  readonly options: () => Pick<DeliverOptions, 'routes' | 'register' | 'helo' | 'lookup'>
  readonly security: Pick<Transport, 'explain' | 'policies'>
  readonly probeHost: ProbeHost
  /** How long each step of a probe may take. */
  readonly probeStepMs: () => number
  readonly resolver: Resolver
  readonly clock: Clock
  readonly log: Log
}

interface Rooms {
  readonly transport: Transport
  readonly resolver: Resolver
}

interface Outside {
  readonly sink: { readonly log: Log }
  readonly clock: Clock
}

/** The port of a running relay. `config`: what is in force. */
export const domainsOf = (config: () => Config, { transport, resolver }: Rooms, { sink, clock }: Outside): DomainPort =>
  domainPort({
    options: () => deliverOptions(config(), []),
    security: transport,
    probeHost,
    probeStepMs: () => config().delivery.probeTimeout,
    resolver,
    clock,
    log: sink.log,
  })

/** Addresses of one probe, all hosts together. */
const MOST_ADDRESSES = 20
const AT_ONCE = 4

/** Answers operators' questions about the paths to domains. */
export function domainPort(parts: DomainParts): DomainPort {
  return {
    async explain(domain, need): Promise<ExplainedDomain> {
      const way = await wayTo(domain, need, waysOf(parts))
      return { way, explanation: way.question === null ? null : await parts.security.explain(way.question) }
    },
    probe: (domain, wish) => probeDomain(domain, wish, parts),
  }
}

function waysOf({ options, resolver, clock }: DomainParts): Ways {
  const { routes, register } = options()
  return { routes, register, resolver, now: clock.now() }
}

async function probeDomain(domain: string, wish: ProbeWish, parts: DomainParts): Promise<ProbedDomain> {
  const ways = waysOf(parts)
  const way = await wayTo(domain, 'none', ways, wish.nextHop)
  const wanted = requirementOf(domain, wish, ways)
  const requirement = wanted && { prove: wanted.prove, minTls: wanted.minTls, from: wanted.from }
  const { question } = way
  if (question === null) return { way, requirement, mtaSts: null, hosts: [], left: 0 }
  const [{ targets, left }, mtaSts] = await Promise.all([targetsOf(question, parts), stsOf(question, parts)])
  const probe = (host: string, port: number, address: string) =>
    probeAddress(question, wanted, { host, port, address }, parts)
  const tasks = targets.flatMap(({ host, port, addresses }) =>
    addresses.map((address) => () => probe(host, port, address)),
  )
  const probes = await inTurns(tasks)
  const hosts = targets.map(({ host, port, failure }) => {
    return { host, port, failure, probes: probes.filter((each) => each.host === host && each.port === port) }
  })
  return { way, requirement, mtaSts, hosts, left }
}

type Wanted = PathRequirement & { readonly from: 'register' | 'asked' }

/** What was asked for, else what the domain's entry says: also where that is over, for it may be renewed after the probe. */
function requirementOf(domain: string, wish: ProbeWish, { register, now }: Ways): Wanted | null {
  const standing = standingOf(domain, register, now)
  const entry = standing.is === 'unknown' ? null : standing.entry.requirement
  const minTls = wish.minTls ?? entry?.minTls ?? 'TLSv1.2'
  const ciphers = entry?.ciphers ?? null
  if (wish.requirement !== null) {
    return { prove: wish.requirement, fingerprints: wish.fingerprints, minTls, ciphers, from: 'asked' }
  }
  return entry === null ? null : { ...entry, minTls, from: wish.minTls === null ? 'register' : 'asked' }
}

async function stsOf(question: PathQuestion, { security }: DomainParts): Promise<string | null> {
  const { steps } = await security.explain(question)
  return steps.find(({ rule }) => rule === 'mta-sts')?.says ?? null
}

interface Target {
  readonly host: string
  readonly port: number
  readonly addresses: readonly string[]
  readonly failure: string | null
}

async function targetsOf({ hosts }: PathQuestion, parts: DomainParts): Promise<{ targets: Target[]; left: number }> {
  const found = await Promise.all(hosts.slice(0, MOST_ADDRESSES).map((each) => withAddresses(each, parts)))
  let room = MOST_ADDRESSES
  let left = hosts.length - found.length
  const targets = found.map((target) => {
    const addresses = target.addresses.slice(0, room)
    room -= addresses.length
    left += target.addresses.length - addresses.length
    return { ...target, addresses }
  })
  return { targets: targets.filter(({ addresses, failure }) => addresses.length > 0 || failure !== null), left }
}

async function withAddresses({ host, port }: PathQuestion['hosts'][number], parts: DomainParts): Promise<Target> {
  const { resolver, options } = parts
  if (isIP(host) !== 0) return { host, port, addresses: [host], failure: null }
  const answer = await resolver.resolveAddresses(host)
  const { families } = options().lookup
  const records = answer.is === 'found' ? answer.records.filter(({ family }) => families.includes(family)) : []
  if (records.length > 0) return { host, port, addresses: records.map(({ address }) => address), failure: null }
  const known = answer.is !== 'failed'
  const failure = known ? 'it has no address that is tried' : `its addresses cannot be looked up: ${answer.cause}`
  return { host, port, addresses: [], failure }
}

function probeAddress(
  { domain, from, authentic, routeTls }: PathQuestion,
  wanted: Wanted | null,
  target: { readonly host: string; readonly port: number; readonly address: string },
  { options, probeHost, probeStepMs, security, resolver, clock, log }: DomainParts,
): Promise<HostProbe> {
  return probeHost(
    { domain, ...target, from, authentic, requirement: wanted },
    {
      resolver,
      clock,
      log,
      helo: options().helo,
      stepMs: probeStepMs(),
      options: routeTls.options,
      mode: routeTls.mode === 'implicit' ? 'implicit' : 'required',
      policies: security.policies,
    },
  )
}

/** In the order of the tasks, a few of them at a time. */
async function inTurns<T>(tasks: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = []
  for (let at = 0; at < tasks.length; at += AT_ONCE) {
    results.push(...(await Promise.all(tasks.slice(at, at + AT_ONCE).map((task) => task()))))
  }
  return results
}

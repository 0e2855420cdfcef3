import type { ConnectionOptions, SecureVersion } from 'node:tls'
import type { Clock } from '../clock.ts'
import type { PathRequirement } from '../mail/secure-domain.ts'
import { GOOD_CIPHERS } from '../net/tls.ts'
import { pkixProblem, sha256 } from './certificate.ts'
import type { DemandedTls, HostDemand, PathQuestion, Proof } from './contract.ts'
import type { HostTlsa } from './dane/lookup.ts'
import { daneProblem } from './dane/match.ts'
import { isEndEntity, presentation } from './dane/tlsa.ts'

/** A demand, with everything that tells it from another one as text. */
export interface KeyedDemand {
  readonly demand: HostDemand
  readonly identity: string
}

type RouteTls = PathQuestion['routeTls']

export function refuse(host: string, why: string): KeyedDemand {
  const tls: DemandedTls = { mode: 'required', options: {}, verify: () => why }
  // A host that must not be tried: its connection, if one were made all the same, would prove nothing
  return { demand: { host, refused: why, tls, proves: 'unproven' }, identity: `${host} refused` }
}

function require(
  host: string,
  route: RouteTls,
  options: ConnectionOptions,
  proves: Proof,
  what: string,
  verify: DemandedTls['verify'],
): KeyedDemand {
  const mode = route.mode === 'implicit' ? 'implicit' : 'required'
  const demand = { host, refused: null, tls: { mode, options, verify }, proves } as const
  return { demand, identity: `${host} ${mode} ${proves} ${what}` }
}

/** A chain to an authority, and one of the names. */
export function demandPkix(
  host: string,
  names: readonly string[],
  route: RouteTls,
  options = route.options,
): KeyedDemand {
  return require(host, route, options, 'pkix', names.join(','), (peer, error) => pkixProblem(peer, error, names))
}

/** TLS, whoever answers. */
export const demandTls = (host: string, route: RouteTls): KeyedDemand =>
  require(host, route, route.options, 'unproven', 'any', null)

export function demandDane(
  host: string,
  { records, base }: Extract<HostTlsa, { is: 'usable' }>,
  domain: string,
  route: RouteTls,
  clock: Clock,
  options = route.options,
): KeyedDemand {
  // RFC 7672 section 3.2.3: the name under which the records stand, and the domain itself
  const names = [...new Set([base, host, domain])]
  const what = `${base} ${names.join(',')} ${records.map(presentation).sort().join(', ')}`
  // RFC 7672 section 8.1: the server may choose its certificate by the name under which the records stand
  const own = { ...options, servername: base }
  return require(host, route, own, proofOf(records), what, (peer) => daneProblem(peer, { records, names }, clock.now()))
}

function proofOf(records: Extract<HostTlsa, { is: 'usable' }>['records']): Proof {
  if (records.every(isEndEntity)) return 'dane-ee'
  return records.some(isEndEntity) ? 'dane' : 'dane-ta'
}

/** One of the certificates that are listed; neither its names nor its dates matter. */
export function demandPinned(
  host: string,
  fingerprints: readonly string[],
  route: RouteTls,
  options = route.options,
): KeyedDemand {
  const what = [...fingerprints].sort().join(',')
  return require(host, route, options, 'pinned', what, (peer) => {
    const shown = sha256(peer.raw)
    return fingerprints.includes(shown) ? null : `its fingerprint ${shown} is not one that the register lists`
  })
}

/** TLS where it is offered. `tried`: names by which a policy that is only being tried judges. */
export function demandOpportunistic(
  host: string,
  route: RouteTls,
  tried: readonly string[] | null,
  noted: string | null,
): KeyedDemand {
  const verify: DemandedTls['verify'] = tried === null ? null : (peer, error) => pkixProblem(peer, error, tried)
  const demand: HostDemand = {
    host,
    refused: null,
    tls: { mode: 'opportunistic', options: route.options, verify },
    proves: 'unproven',
    ...(noted === null ? {} : { noted }),
  }
  return { demand, identity: `${host} opportunistic ${tried?.join(',') ?? ''} ${noted ?? ''}` }
}

export const demandNothing = (host: string): KeyedDemand => ({
  demand: { host, refused: null, tls: { mode: 'none', options: {}, verify: null }, proves: 'clear' },
  identity: `${host} clear`,
})

/** The route's own options, with the version and the ciphers that the register asks for. */
export function optionsFor({ minTls, ciphers }: PathRequirement, options: ConnectionOptions): ConnectionOptions {
  const minVersion: SecureVersion = options.minVersion === 'TLSv1.3' ? 'TLSv1.3' : minTls
  const list =
    ciphers === null
      ? `TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:${GOOD_CIPHERS}`
      : ciphers.join(':')
  return { ...options, minVersion, ciphers: list }
}

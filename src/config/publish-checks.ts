import type { Config } from './config.ts'

interface Complaint {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** A policy that is served needs a certificate, its domains must be ours, and its port nobody else's. */
export function* policyCanBeServed({ publish, tls, domains, hostname, listeners }: Config): Iterable<Complaint> {
  const { mtaSts } = publish
  if (mtaSts === null) return
  const path = ['publish', 'mtaSts']
  if (mtaSts.listen.length > 0 && mtaSts.certificate === null && tls.certificate === null)
    yield { path, message: 'HTTPS needs a certificate: give publish.mtaSts.certificate and key, or those of tls' }
  for (const [index, domain] of mtaSts.domains.entries()) {
    if (domains.has(domain) || domain === hostname) continue
    yield { path: [...path, 'domains', index], message: `${domain} is no domain of ours (domains)` }
  }
  for (const [index, { host, port }] of mtaSts.listen.entries()) {
    const taken = listeners.findIndex((each) => each.port === port && port !== 0 && overlap(each.address, host))
    if (taken < 0) continue
    yield { path: [...path, 'listen', index], message: `listeners[${taken}] has this address and port already` }
  }
}

const isEvery = (address: string | null): boolean => address === null || address === '::' || address === '0.0.0.0'
const overlap = (one: string | null, other: string): boolean => isEvery(one) || isEvery(other) || one === other

/** A policy that does not name this very server turns away the mail that is meant for it. */
export function* policyNamesUs({ publish, hostname }: Config): Iterable<Complaint> {
  const { mtaSts } = publish
  const named = mtaSts === null || mtaSts.mx.length === 0 ? publish.mx : mtaSts.mx
  if (mtaSts === null || mtaSts.mode === 'none' || named.length === 0) return
  const above = `*.${hostname.slice(hostname.indexOf('.') + 1)}`
  if (named.includes(hostname) || named.includes(above)) return
  const message = `the policy does not name ${hostname} (hostname): others will not deliver to this server`
  yield { path: ['publish', 'mtaSts'], message }
}

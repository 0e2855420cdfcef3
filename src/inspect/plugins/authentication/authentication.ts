import { CONTINUE, type Verdict } from '../../../mail/verdict.ts'
import type { DnsAnswer, Resolver } from '../../../net/dns.ts'
import type { Answer, Inspector, MessageView } from '../../plugin.ts'
import type { BuiltInContext, Services } from '../../services.ts'
import { servicesOf } from '../../services.ts'
import { checkDmarc } from './dmarc.ts'
import { limitResolver } from './dns-limit.ts'
import { bears, RESULTS_FIELD } from './forged.ts'
import { keyNames } from './key-names.ts'
import { observationOf } from './observation.ts'
import type { AuthenticationOptions } from './options.ts'
import { overrideOf, verdictOn } from './policy.ts'
import { type Findings, factsOf, resultsValue } from './results.ts'
import { checkSpf } from './spf.ts'
import type { Verified } from './verify-job.ts'

const NAME = 'authentication'

/** Longer headers are not looked at for signatures; the `headers` plugin and the listener refuse them far earlier. */
const HEADER_BYTES = 1024 * 1024

/**
 * Proves who sent a message: SPF, DKIM, ARC, and what DMARC makes of them. SPF and DMARC are
 * questions to the DNS and run here; hashes and signatures go to a worker.
 */
export function authenticationPlugin(options: AuthenticationOptions, context: BuiltInContext): Inspector {
  const services = servicesOf(NAME, context)
  const authservId = options.authservId ?? services.hostname
  services.pool.warm()
  const observe = (message: MessageView, findings: Findings, verdict: Verdict) => {
    const seen = { at: context.clock.now(), mode: context.mode ?? 'enforce' }
    const observation = observationOf(message, findings, verdict, seen)
    if (observation !== null) services.dmarcObservations?.add(observation)
  }
  const remove = [{ name: RESULTS_FIELD, matches: (value: string) => bears(authservId, value) }]
  return {
    name: NAME,
    phase: 'authenticate',
    async data(message): Promise<Answer> {
      if (!options.directions.includes(message.direction)) return { verdict: CONTINUE, remove }
      const findings = await examine(message, options, services, context)
      const value = resultsValue(authservId, message.session, findings)
      const facts = factsOf(authservId, message.session, findings)
      const verdict = verdictOn(options, findings)
      observe(message, findings, verdict)
      return { verdict, add: [[RESULTS_FIELD, value]], remove, facts: { ...facts } }
    },
  }
}

async function examine(
  message: MessageView,
  options: AuthenticationOptions,
  services: Services,
  { clock }: BuiltInContext,
): Promise<Findings> {
  const { resolver, release } = limitResolver(services.resolver, options.lookups, options.lookupTimeMs, clock)
  try {
    const { client } = message.session
    const isChecked = client === null || options.checkClients
    const verifying = verify(message, options, services, resolver, clock.now())
    const [spf, verified] = await Promise.all([
      isChecked ? checkSpf(message, services.hostname, resolver) : null,
      verifying,
    ])
    if (!isChecked) return { spf, verified, dmarc: null, dmarcInfo: null, published: null, override: null }
    const { fact: dmarc, info: dmarcInfo, published } = await checkDmarc(verified, spf, resolver)
    return {
      spf,
      verified,
      dmarc,
      dmarcInfo,
      published,
      override: overrideOf(options, message.session, dmarc, verified.arc),
    }
  } finally {
    release()
  }
}

async function verify(
  { content, header, signal }: MessageView,
  { verify: limits }: AuthenticationOptions,
  { pool }: Services,
  resolver: Resolver,
  now: number,
): Promise<Verified> {
  const names = keyNames(header, limits.signatures)
  const keys = await Promise.all(
    names.map(async (name): Promise<[string, DnsAnswer<string>]> => [name, await resolver.resolveTxt(name)]),
  )
  const answer = (name: unknown) => resolver.resolveTxt(String(name))
  return pool.run('verify', { now, limits, headerBytes: HEADER_BYTES, keys }, content, { signal, answer })
}

import type { SecureDomain, SecureStanding } from '../mail/secure-domain.ts'
import { demandDane, demandPinned, demandPkix, type KeyedDemand, optionsFor, refuse } from './demand.ts'
import type { Inquiry } from './inquiry.ts'
import { eachHost, type Rule, type Saying, silent } from './rule.ts'

/** The register of secure domains: what it asks for counts and nothing else; sensitive mail goes nowhere without it. */
export const registerRule: Rule = {
  name: 'register',
  async say(inquiry): Promise<Saying> {
    const { standing, question } = inquiry
    const says = standingInWords(standing)
    if (standing.is !== 'secure')
      return question.need === 'sensitive' ? refuseSensitive(question.domain, says) : silent(says)
    return { says, demands: await eachHost(inquiry, (asked) => demandOf(inquiry, standing.entry, asked)) }
  },
}

const day = (at: number): string => new Date(at).toISOString().slice(0, 10)

function standingInWords(standing: SecureStanding): string {
  if (standing.is === 'unknown') return 'the domain is not in the register'
  const { entry } = standing
  if (standing.is === 'retired') return `the entry ${entry.domain} is retired: the domain is no longer secure`
  if (standing.is === 'expired')
    return `the entry ${entry.domain} expired on ${day(entry.expiresOn)}: the domain is no longer secure`
  const { prove, minTls } = entry.requirement
  return `secure by the entry ${entry.domain}: ${prove}, ${minTls} or newer, until ${day(entry.expiresOn)}`
}

function refuseSensitive(domain: string, why: string): Saying {
  const text = `sensitive mail goes to secure domains only, and ${domain} is none: ${why}`
  return { says: why, demands: null, stopped: { text, status: '4.7.10' } }
}

async function demandOf(
  inquiry: Inquiry,
  entry: SecureDomain,
  asked: { host: string; port: number },
): Promise<KeyedDemand> {
  const { question, deps } = inquiry
  const { host, port } = asked
  const { nextHop, requirement } = entry
  // Whoever sends it elsewhere, by a route, by hand or in the DNS: it is not the path that two people approved
  if (nextHop !== null && (nextHop.host !== host || nextHop.port !== port || question.from !== 'configured')) {
    return refuse(host, `the register names another next hop: ${nextHop.host}:${nextHop.port}`)
  }
  const options = optionsFor(requirement, question.routeTls.options)
  if (requirement.prove === 'pinned') return demandPinned(host, requirement.fingerprints, question.routeTls, options)
  if (requirement.prove === 'verified')
    return demandPkix(host, await inquiry.namesFor(host), question.routeTls, options)
  const tlsa = await inquiry.tlsa(asked)
  if (tlsa.is === 'usable') return demandDane(host, tlsa, question.domain, question.routeTls, deps.clock, options)
  return refuse(
    host,
    tlsa.is === 'unusable'
      ? 'the register asks for DANE, and no TLSA record can be used'
      : `the register asks for DANE: ${tlsa.why}`,
  )
}

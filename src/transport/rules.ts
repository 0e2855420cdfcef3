import {
  demandDane,
  demandNothing,
  demandOpportunistic,
  demandPkix,
  demandTls,
  type KeyedDemand,
  refuse,
} from './demand.ts'
import type { Inquiry } from './inquiry.ts'
import { namesExchanger } from './mta-sts/policy.ts'
import { MAX_HOSTS } from './options.ts'
import { registerRule } from './register-rule.ts'
import { eachHost, type Rule, type Saying, silent } from './rule.ts'

/** RFC 8689 section 4.2.1: authenticated hosts, and a certificate that DANE or an authority vouches for. */
const requireTlsRule: Rule = {
  name: 'requiretls',
  async say(inquiry) {
    if (inquiry.question.need !== 'requiretls') return silent('the message does not ask for REQUIRETLS')
    const sts = await inquiry.sts()
    const enforced = sts.is === 'policy' && sts.policy.mode === 'enforce' ? sts.policy : null
    const demands = await eachHost(inquiry, async (asked) => {
      const tlsa = inquiry.isPublic && inquiry.options.dane ? await inquiry.tlsa(asked) : null
      if (tlsa?.is === 'failed') return refuse(asked.host, tlsa.why)
      const { domain, routeTls } = inquiry.question
      if (tlsa?.is === 'usable') return demandDane(asked.host, tlsa, domain, routeTls, inquiry.deps.clock)
      if (enforced && !namesExchanger(enforced, asked.host)) return refuse(asked.host, NOT_NAMED)
      return demandPkix(asked.host, await inquiry.namesFor(asked.host), routeTls)
    })
    return { says: 'the message asks for REQUIRETLS: a certificate that DANE or an authority vouches for', demands }
  },
}

const NOT_NAMED = 'not in the MTA-STS policy of the domain'

/** RFC 7672. Hosts without TLSA records are left to the rules below, host by host. */
const daneRule: Rule = {
  name: 'dane',
  async say(inquiry) {
    const { question, options, deps } = inquiry
    if (!options.dane) return silent('delivery.dane is off')
    if (!inquiry.isPublic) return silent('the operator named the hosts: DANE is for those that the DNS names')
    if (deps.resolver.resolveTlsa === undefined)
      return silent('cannot be had: no resolver here validates DNSSEC (dns.validating)')
    if (!question.authentic) return silent('DNSSEC does not vouch for the exchangers')
    const found = await Promise.all(question.hosts.slice(0, MAX_HOSTS).map((asked) => inquiry.tlsa(asked)))
    const says = question.hosts
      .map(({ host }, i) => `${host}: ${found[i] === undefined ? 'not looked at' : tlsaInWords(found[i])}`)
      .join('; ')
    if (found.every(({ is }) => is === 'none')) return silent(says)
    const below = await ordinary(inquiry)
    const demands = question.hosts.map(({ host }, i) => daneDemand(inquiry, host, found[i], below[i]))
    return { says, demands }
  },
}

type Tlsa = Awaited<ReturnType<Inquiry['tlsa']>>

function daneDemand(
  { question: { domain, routeTls }, deps }: Inquiry,
  host: string,
  tlsa: Tlsa | undefined,
  below: KeyedDemand | undefined,
): KeyedDemand {
  if (tlsa === undefined || below === undefined)
    return refuse(host, `only ${MAX_HOSTS} hosts of a domain are looked at`)
  if (tlsa.is === 'failed') return refuse(host, tlsa.why)
  if (tlsa.is === 'usable') return demandDane(host, tlsa, domain, routeTls, deps.clock)
  if (tlsa.is === 'none') return below
  // RFC 7672 section 2.2: TLS all the same. What the rules below ask for beyond that stays asked for
  const { mode } = below.demand.tls
  return mode === 'required' || mode === 'implicit' ? below : demandTls(host, routeTls)
}

export function tlsaInWords(tlsa: Tlsa): string {
  if (tlsa.is === 'none' || tlsa.is === 'failed') return tlsa.why
  const count = tlsa.records.length === 1 ? '1 TLSA record' : `${tlsa.records.length} TLSA records`
  return tlsa.is === 'usable' ? `${count} that count` : `${count}, none of which can be used: TLS without proof`
}

/** RFC 8461. */
const mtaStsRule: Rule = {
  name: 'mta-sts',
  async say(inquiry) {
    const sts = await inquiry.sts()
    const trouble = sts.trouble === null ? '' : ` (${sts.trouble.text})`
    if (sts.is === 'none' && sts.lost) return lostPolicy(inquiry.question.domain, `${sts.why}${trouble}`)
    if (sts.is === 'none') return silent(`no policy: ${sts.why}${trouble}`)
    const { mode } = sts.policy
    const says = `policy ${sts.id}, mode ${mode}, until ${new Date(sts.expiresAt).toISOString()}${trouble}`
    if (mode !== 'enforce') return silent(says)
    const demands = await eachHost(inquiry, ({ host }) =>
      namesExchanger(sts.policy, host) ? demandPkix(host, [host], inquiry.question.routeTls) : refuse(host, NOT_NAMED),
    )
    return { says, demands }
  },
}

/** It may have been one to be enforced. */
const lostPolicy = (domain: string, why: string): Saying => ({
  says: `policy lost: ${why}`,
  demands: null,
  stopped: { text: `the MTA-STS policy of ${domain} is not known: ${why}`, status: '4.7.5' },
})

/** Lifts what a route asks for, and nothing above it. */
const exceptionRule: Rule = {
  name: 'exception',
  async say(inquiry) {
    const { exception, question } = inquiry
    if (exception === null) return silent('there is none')
    const says = `clear text is allowed until ${new Date(exception.expires).toISOString().slice(0, 10)}: ${exception.reason} (${exception.approvedBy})`
    if (question.routeTls.mode !== 'required')
      return silent(`${says}; the route does not require TLS by STARTTLS anyway`)
    return { says, demands: await eachHost(inquiry, ({ host }) => opportunistic(inquiry, host)) }
  },
}

const routeRule: Rule = {
  name: 'route',
  async say(inquiry) {
    const { mode, verify } = inquiry.question.routeTls
    if (mode !== 'required' && mode !== 'implicit') return silent('the route does not require TLS')
    const says = `the route requires TLS${verify ? ', and a certificate in the name of the host' : ''}`
    const { routeTls } = inquiry.question
    const demands = await eachHost(inquiry, ({ host }) =>
      verify ? demandPkix(host, [host], routeTls) : demandTls(host, routeTls),
    )
    return { says, demands }
  },
}

const opportunisticRule: Rule = {
  name: 'opportunistic',
  async say(inquiry) {
    if (inquiry.question.routeTls.mode === 'none') return silent('the route does without TLS')
    return {
      says: 'TLS where it is offered, whoever answers',
      demands: await eachHost(inquiry, ({ host }) => opportunistic(inquiry, host)),
    }
  },
}

/** RFC 8461 section 5: a policy that is only being tried is judged and told of, and stops nothing. */
async function opportunistic(inquiry: Inquiry, host: string): Promise<KeyedDemand> {
  const { routeTls } = inquiry.question
  const sts = await inquiry.sts()
  if (sts.is === 'none' || sts.policy.mode !== 'testing') return demandOpportunistic(host, routeTls, null, null)
  return demandOpportunistic(host, routeTls, [host], namesExchanger(sts.policy, host) ? null : NOT_NAMED)
}

const clearRule: Rule = {
  name: 'clear',
  async say(inquiry) {
    if (inquiry.question.routeTls.mode !== 'none') return silent('only where the host offers no TLS')
    return { says: 'in clear: the route says so', demands: await eachHost(inquiry, ({ host }) => demandNothing(host)) }
  },
}

const BELOW_DANE: readonly Rule[] = [mtaStsRule, exceptionRule, routeRule, opportunisticRule, clearRule]

/** In the order of precedence. The first that decides does. */
export const RULES: readonly Rule[] = [registerRule, requireTlsRule, daneRule, ...BELOW_DANE]

async function ordinary(inquiry: Inquiry): Promise<readonly KeyedDemand[]> {
  for (const rule of BELOW_DANE) {
    const { demands } = await rule.say(inquiry)
    if (demands !== null) return demands
  }
  return []
}

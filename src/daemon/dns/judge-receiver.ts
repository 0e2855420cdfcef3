import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../clock.ts'
import type { Resolver } from '../../net/dns.ts'
import { type FetchOptions, fetchPolicy } from '../../transport/mta-sts/fetch.ts'
import type { OwnPolicy } from '../../transport/mta-sts/own.ts'
import { namesExchanger, policyId, policyLines, type StsPolicy } from '../../transport/mta-sts/policy.ts'
import { sameSet } from './judge-host.ts'
import { cannotTell, different, type Judged, missing, ok, onlyText, without } from './judged.ts'

/** Whether mail for a domain comes to the hosts that it should, and the policy names them all. */
export async function judgeMx(
  domain: string,
  exchangers: readonly string[],
  policy: OwnPolicy | null,
  resolver: Resolver,
): Promise<Judged> {
  const answer = await resolver.resolveMx(domain)
  if (answer.is !== 'found') return without(answer) ?? missing()
  const found = answer.records.map(({ preference, exchange }) => `${preference} ${exchange || '.'}`)
  const hosts = answer.records.map(({ exchange }) => exchange)
  if (hosts.includes('')) return different(found, 'it says that the domain takes no mail (RFC 7505)')
  const judged = sameSet(exchangers, hosts)
  if (judged.is !== 'ok') return { ...judged, found }
  const unnamed = policy === null || policy.policy.mode === 'none' ? [] : unnamedBy(policy.policy, hosts)
  return unnamed.length === 0 ? ok(found) : different(found, `our MTA-STS policy does not name ${unnamed.join(', ')}`)
}

const unnamedBy = (policy: StsPolicy, hosts: readonly string[]): string[] =>
  hosts.filter((host) => !namesExchanger(policy, host))

export async function judgeStsRecord(name: string, { id }: OwnPolicy, resolver: Resolver): Promise<Judged> {
  const answer = await resolver.resolveTxt(name)
  const published = onlyText(answer, /^v=STSv1[\t ]*;/)
  if ('judged' in published) return published.judged
  const found = policyId([published.text])
  if (found === id) return ok([published.text])
  const note =
    found === null ? 'it is not valid' : 'its id is that of another policy: senders go on with what they have'
  return different([published.text], note)
}

/** Whether our policy is served to whoever asks, as our own client would ask for it. */
export async function judgeStsHost(
  domain: string,
  { policy }: OwnPolicy,
  options: FetchOptions,
  deps: { readonly resolver: Resolver; readonly clock: Clock },
): Promise<Judged> {
  const addresses = await deps.resolver.resolveAddresses(`mta-sts.${domain}`)
  if (addresses.is !== 'found') return without(addresses) ?? missing()
  const found = addresses.records.map(({ address }) => address)
  const fetched = await fetchPolicy(domain, options, deps)
  if (!fetched.ok) {
    const { type, text } = fetched.trouble
    const isAnswer = type !== 'sts-policy-fetch-error' || fetched.answered === true
    return isAnswer ? different(found, text) : cannotTell(text, found)
  }
  if (isSamePolicy(fetched.policy, policy)) return ok(found, 'it serves our policy')
  return different(found, `it serves another policy: ${policyLines(fetched.policy).join(', ')}`)
}

const isSamePolicy = (a: StsPolicy, b: StsPolicy): boolean =>
  isDeepStrictEqual({ ...a, mx: [...a.mx].sort() }, { ...b, mx: [...b.mx].sort() })

import { type DmarcResponse, evaluateDmarc } from 'mailauth/lib/dmarc/index.js'
import type { PublishedPolicy } from '../../../mail/dmarc.ts'
import type { Resolver } from '../../../net/dns.ts'
import { askBy } from './dns-bridge.ts'
import type { SpfFact } from './spf.ts'
import type { Verified } from './verify-job.ts'

export interface DmarcFact {
  /** RFC 8601 section 2.7: `none`, `pass`, `fail`, `temperror`; `permerror` where no author's domain can be told. */
  readonly result: 'none' | 'pass' | 'fail' | 'temperror' | 'permerror'
  /** The author's domain; null where there is none, or several. */
  readonly from: string | null
  /** What the domain asks for mail that fails. */
  readonly policy: 'none' | 'quarantine' | 'reject'
  /** What aligned. */
  readonly by: readonly ('spf' | 'dkim')[]
}

/** Asks the author's domain for its policy, and whether SPF or DKIM prove that domain (RFC 9989). */
export async function checkDmarc(
  verified: Verified,
  spf: SpfFact | null,
  resolver: Resolver,
): Promise<{ readonly fact: DmarcFact; readonly info: string | null; readonly published: PublishedPolicy | null }> {
  const { response } = await evaluateDmarc({
    headerFrom: verified.from,
    fromFields: verified.fromFields,
    spfDomains: spf?.result === 'pass' ? [spf.domain] : [],
    dkimDomains: passing(verified),
    resolver: askBy(resolver),
    strict: true,
  })
  if (response === false) return { fact: { ...NO_AUTHOR }, info: null, published: null }
  const { status, policy = 'none', alignment } = response
  const by = [
    ...(alignment?.spf.result === undefined ? [] : (['spf'] as const)),
    ...(alignment?.dkim.result === undefined ? [] : (['dkim'] as const)),
  ]
  return {
    fact: { result: resultOf(status.result), from: status.header?.from ?? null, policy, by },
    info: response.info,
    published: publishedIn(response),
  }
}

const NO_AUTHOR: DmarcFact = { result: 'permerror', from: null, policy: 'none', by: [] }

/** The policy of a domain that asks for aggregate reports; null where it does not. */
function publishedIn({ status, record, policyDomain, p = 'none', sp = p }: DmarcResponse): PublishedPolicy | null {
  if (record?.rua === undefined || policyDomain === undefined) return null
  if (status.result !== 'pass' && status.result !== 'fail') return null
  const [adkim, aspf] = [record.adkim ?? 'r', record.aspf ?? 'r']
  const pct = /^\d{1,3}$/.test(record.pct ?? '') ? Number(record.pct) : 100
  return {
    domain: policyDomain.toLowerCase(),
    p,
    sp,
    adkim: adkim === 's' ? 's' : 'r',
    aspf: aspf === 's' ? 's' : 'r',
    pct,
  }
}

const passing = ({ dkim }: Verified) => dkim.filter(({ result }) => result === 'pass').map(({ domain }) => ({ domain }))

const resultOf = (word: string): DmarcFact['result'] =>
  word === 'none' || word === 'pass' || word === 'fail' ? word : 'temperror'

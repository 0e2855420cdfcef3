import { createPublicKey, type KeyObject } from 'node:crypto'
import type { Config } from '../../config/index.ts'
import { checkSpf } from '../../inspect/plugins/authentication/spf.ts'
import type { Address } from '../../mail/address.ts'
import type { Resolver } from '../../net/dns.ts'
import { destinationsIn, tagsOf } from '../../reports/outgoing/uri.ts'
import { dmarcWanted } from '../../reports/outgoing/wanted.ts'
import type { PublicAddresses } from './addresses.ts'
import { cannotTell, different, type Judged, ok, onlyText, type Subject } from './judged.ts'
import { isSameAddress } from './wanted.ts'

const SPF = /^v=spf1(?: |$)/i

/** Whether mail from each of our addresses would pass, evaluated as `authentication` does it. */
export async function judgeSpf(
  name: string,
  { sending }: PublicAddresses,
  { hostname, delivery }: Config,
  resolver: Resolver,
): Promise<Judged> {
  const published = onlyText(await resolver.resolveTxt(name), SPF)
  if ('judged' in published) return published.judged
  const found = [published.text]
  const addresses = [...(sending.v4 ?? []), ...(sending.v6 ?? [])]
  const mailFrom = { local: 'postmaster', domain: name }
  for (const remoteAddress of addresses) {
    const session = { remoteAddress, helo: delivery.helo }
    const { result } = await checkSpf({ session, mailFrom }, hostname, resolver)
    if (result === 'temperror') return cannotTell('the DNS does not answer all that SPF asks', found)
    if (result !== 'pass') return different(found, `mail from ${remoteAddress} gets "${result}"`)
  }
  if (sending.v4 !== null && sending.v6 !== null) return ok(found)
  return cannotTell('not all addresses that we send from are known (publish.addresses)', found)
}

const DKIM_TAGS = /\bp\s*=/

/** Whether verifiers would find our key, however it is written: RFC 6376 section 3.6.1. */
export async function judgeDkim({ name, records }: Subject, resolver: Resolver): Promise<Judged> {
  const published = onlyText(await resolver.resolveTxt(name), DKIM_TAGS)
  if ('judged' in published) return published.judged
  const wanted = tagsOf(records[0]?.value ?? '')
  const problem = dkimProblem(tagsOf(published.text), wanted ?? new Map())
  const isTesting = tagsOf(published.text)?.get('t')?.split(':').includes('y') ?? false
  const note = isTesting ? 't=y: others may treat signed mail as if it were not signed' : null
  return problem === null ? ok([published.text], note) : different([published.text], problem)
}

type Tags = ReadonlyMap<string, string>

function dkimProblem(tags: Tags | null, wanted: Tags): string | null {
  if (tags === null) return 'a tag stands twice'
  const has = (tag: string, otherwise: string) => (tags.get(tag) ?? otherwise).split(':').map((each) => each.trim())
  if ((tags.get('v') ?? 'DKIM1') !== 'DKIM1') return 'v is not DKIM1'
  if (tags.get('p') === '') return 'p is empty: the key is withdrawn'
  const kind = tags.get('k') ?? 'rsa'
  if (kind !== wanted.get('k')) return `it says that the key is ${kind}`
  if (!has('h', 'sha256').includes('sha256')) return 'h does not allow sha256'
  if (!has('s', '*').some((service) => service === '*' || service === 'email')) return 's does not allow e-mail'
  return isSameKey(tags.get('p') ?? '', wanted.get('p') ?? '', kind) ? null : 'p is another key'
}

function isSameKey(found: string, wanted: string, kind: string): boolean {
  const [a, b] = [found, wanted].map((text) => Buffer.from(text.replaceAll(/\s/g, ''), 'base64'))
  if (a === undefined || b === undefined) return false
  if (a.equals(b)) return true
  const [one, other] = kind === 'rsa' ? [rsaKey(a), rsaKey(b)] : [null, null]
  return one !== null && other !== null && one.equals(other)
}

/** RFC 6376 asks for an RSAPublicKey, and most publish a SubjectPublicKeyInfo: verifiers take both. */
function rsaKey(der: Buffer): KeyObject | null {
  for (const type of ['spki', 'pkcs1'] as const) {
    try {
      return createPublicKey({ key: der, format: 'der', type })
    } catch {}
  }
  return null
}

const DMARC = /^v\s*=\s*DMARC1\s*(?:;|$)/
const STRICTNESS = ['none', 'quarantine', 'reject']

/** Whether the policy is at least as strict as it should be, and reports come to us. */
export async function judgeDmarc(
  domain: string,
  name: string,
  { publish, reports }: Config,
  resolver: Resolver,
): Promise<Judged> {
  const published = onlyText(await resolver.resolveTxt(name), DMARC)
  if ('judged' in published) return published.judged
  const found = [published.text]
  const tags = tagsOf(published.text)
  if (tags === null) return different(found, 'a tag stands twice')
  const weak = ['p', 'sp'].find((tag) => tags.has(tag) && isWeaker(tags.get(tag) ?? '', publish.dmarc))
  if (!tags.has('p') && publish.dmarc !== 'none') return different(found, `it has no p, which means none`)
  if (weak !== undefined) return different(found, `${weak} is weaker than ${publish.dmarc}, or unknown`)
  const { receive } = reports.dmarc
  if (receive === null) return ok(found)
  if (!listsUs(tags.get('rua'), receive)) return different(found, 'rua does not name our address for reports')
  return isHeard(domain, receive, found, resolver)
}

/** Whether those who report would send it to us, as our own reports decide it. */
async function isHeard(domain: string, us: Address, found: readonly string[], resolver: Resolver): Promise<Judged> {
  const wanted = await dmarcWanted(domain, resolver, 50)
  if (wanted.is === 'failed') return cannotTell(`the DNS does not answer: ${wanted.cause}`, found)
  const heard =
    wanted.is === 'found' && wanted.destinations.some((each) => each.by === 'mail' && isSameAddress(each.to, us))
  return heard ? ok(found) : ok(found, `${us.domain} has not agreed to reports yet: see its own record`)
}

const isWeaker = (found: string, wanted: string): boolean =>
  STRICTNESS.indexOf(found.toLowerCase()) < STRICTNESS.indexOf(wanted)

const listsUs = (rua: string | undefined, us: Address): boolean =>
  destinationsIn(rua ?? '', true, 50).some((each) => each.by === 'mail' && isSameAddress(each.to, us))

export async function judgeConsent(name: string, resolver: Resolver): Promise<Judged> {
  const published = onlyText(await resolver.resolveTxt(name), DMARC)
  return 'judged' in published ? published.judged : ok([published.text])
}

const TLS_RPT = /^v=TLSRPTv1\s*(?:;|$)/

export async function judgeTlsReports(name: string, { reports }: Config, resolver: Resolver): Promise<Judged> {
  const published = onlyText(await resolver.resolveTxt(name), TLS_RPT)
  if ('judged' in published) return published.judged
  const { receive } = reports.tls
  const tags = tagsOf(published.text)
  const heard = receive !== null && destinationsIn(tags?.get('rua') ?? '', false, 50).some(isTo(receive))
  return heard ? ok([published.text]) : different([published.text], 'rua does not name our address for reports')
}

const isTo =
  (us: Address) =>
  (each: ReturnType<typeof destinationsIn>[number]): boolean =>
    each.by === 'mail' && isSameAddress(each.to, us)

import type { DnsAnswer, Resolver } from '../../../net/dns.ts'

/** A question as mailauth puts it: name and type. */
export type AskDns = (name: string, type: string) => Promise<unknown[]>

/** A TXT record with more characters is as good as empty. */
const MAX_TXT = 16_384

/** What mailauth understands: an error with the code of Node's resolver. */
export function dnsError(code: 'ENOTFOUND' | 'ENODATA' | 'ETIMEOUT', text: string): Error {
  return Object.assign(new Error(text), { code })
}

/** The records of an answer. Throws what mailauth knows as "none", or as a failure. */
export function recordsOf<T>(answer: DnsAnswer<T>): readonly T[] {
  if (answer.is === 'found') return answer.records
  if (answer.is === 'failed') throw dnsError('ETIMEOUT', answer.cause)
  throw dnsError(answer.why === 'nxdomain' ? 'ENOTFOUND' : 'ENODATA', answer.why)
}

/** TXT records in the shape of Node's resolver. */
export const txtRecords = (answer: DnsAnswer<string>): unknown[] =>
  recordsOf(answer).map((text) => [text.length > MAX_TXT ? '' : text])

/** Puts mailauth's questions to our resolver. */
export function askBy(resolver: Resolver): AskDns {
  return async (name, type) => {
    if (type === 'TXT') return txtRecords(await resolver.resolveTxt(name))
    if (type === 'MX') {
      const records = recordsOf(await resolver.resolveMx(name))
      return records.map(({ preference, exchange }) => ({ priority: preference, exchange }))
    }
    if (type === 'A') return family(resolver, name, 4)
    if (type === 'AAAA') return family(resolver, name, 6)
    if (type === 'PTR') return [...recordsOf(await resolver.reverse(addressOf(name)))]
    // CNAME: only asked to see whether a name without an address exists; `nxdomain` has answered that
    throw dnsError('ENOTFOUND', `${type} is not asked for`)
  }
}

async function family(resolver: Resolver, name: string, wanted: 4 | 6): Promise<unknown[]> {
  const records = recordsOf(await resolver.resolveAddresses(name)).filter(({ family }) => family === wanted)
  if (records.length === 0) throw dnsError('ENODATA', 'no address of this family')
  return records.map(({ address }) => address)
}

/** The address that a name below in-addr.arpa or ip6.arpa stands for. */
export function addressOf(name: string): string {
  const labels = name.toLowerCase().split('.').slice(0, -2).reverse()
  if (name.toLowerCase().endsWith('.in-addr.arpa')) return labels.join('.')
  return (labels.join('').match(/.{1,4}/g) ?? []).join(':')
}

import type { Config } from '../../config/index.ts'
import { type Address, addressKey } from '../../mail/address.ts'
import { reverseName } from '../../net/dns.ts'
import type { OwnPolicy } from '../../transport/mta-sts/own.ts'
import { ownExchangers, ownPolicies } from '../publish.ts'
import type { Known, PublicAddresses } from './addresses.ts'
import type { KeyFacts, PublishedKey } from './keys.ts'
import type { RecordGroup, WantedRecord } from './records.ts'

/** What the records are made of. */
export interface DnsFacts {
  readonly config: Config
  readonly addresses: PublicAddresses
  readonly keys: KeyFacts
}

/** Every record to publish: those of the server itself, then those of each domain, then of others that keys sign for. */
export function wantedRecords(facts: DnsFacts): RecordGroup[] {
  const { config, keys } = facts
  const policies = ownPolicies(config)
  const host = hostGroup(facts)
  const ours = [...config.domains.keys()]
  const others = new Set(keys.dkim.map(({ domain }) => domain).filter((domain) => !config.domains.has(domain)))
  others.delete(config.hostname)
  const domains = ours.map((domain) => domainGroup(domain, facts, policies.get(domain) ?? null))
  const signed = [...others].map((domain) => ({ of: domain, records: dkim(domain, keys), remarks: [] }))
  const groups = [host, ...domains, ...signed]
  // a domain of ours may be the name of the server
  const byName = [...Map.groupBy(groups, ({ of }) => of).values()]
  return byName.map((same) => merged(same))
}

function merged(groups: readonly RecordGroup[]): RecordGroup {
  const records = new Map<string, WantedRecord>()
  for (const record of groups.flatMap((group) => group.records)) {
    const key = `${record.name} ${record.type} ${record.value}`
    if (!records.has(key)) records.set(key, record)
  }
  const remarks = new Set(groups.flatMap((group) => group.remarks))
  return { of: groups[0]?.of ?? '', records: [...records.values()], remarks: [...remarks] }
}

function hostGroup(facts: DnsFacts): RecordGroup {
  const { config, addresses, keys } = facts
  const { hostname, delivery, domains } = config
  const ofHelo = delivery.helo === hostname ? [] : addressRecords(delivery.helo, addresses.sending)
  const policy = domains.has(hostname) ? null : (ownPolicies(config).get(hostname) ?? null)
  return {
    of: hostname,
    records: [
      ...addressRecords(hostname, addresses.reached),
      ...ofHelo,
      ...reverseRecords(config, addresses),
      spf(delivery.helo, addresses, 'Notices have no sender: their SPF is that of the name in EHLO.'),
      ...tlsa(hostname, keys),
      ...dkim(hostname, keys),
      ...mtaSts(hostname, config, policy),
    ],
    remarks: hostRemarks(facts),
  }
}

function hostRemarks({ config, keys }: DnsFacts): string[] {
  const problems = keys.problems.filter(({ domain }) => domain === null || domain === config.hostname)
  const noTls = config.tls.certificate === null ? ['No TLSA record: there is no certificate (tls.certificate).'] : []
  return [...problems.map(({ text }) => `${text}.`), ...noTls]
}

const UNKNOWN = 'Not known here: fill it in, or name the public addresses in publish.addresses.'

function addressRecords(name: string, { v4, v6 }: { readonly v4: Known; readonly v6: Known }): WantedRecord[] {
  const of = (type: 'A' | 'AAAA', known: Known): WantedRecord[] => {
    const base = { purpose: 'address', name, type } as const
    if (known === null) return [{ ...base, value: 'ADDRESS', complete: false, comment: UNKNOWN }]
    return known.map((value) => ({ ...base, value, complete: true, comment: null }))
  }
  return [...of('A', v4), ...of('AAAA', v6)]
}

/** RFC 1912 section 2.1: the name leads to the address, and the address back to the name. */
function reverseRecords({ hostname, delivery }: Config, { sending, reached }: PublicAddresses): WantedRecord[] {
  const senders = [...(sending.v4 ?? []), ...(sending.v6 ?? [])]
  const all = new Set([...senders, ...(reached.v4 ?? []), ...(reached.v6 ?? [])])
  return [...all].map((address) => ({
    purpose: 'ptr',
    name: reverseName(address) ?? address,
    type: 'PTR',
    value: senders.includes(address) ? delivery.helo : hostname,
    complete: true,
    comment: `The reverse name of ${address}; who gave you the address publishes it.`,
  }))
}

function spf(name: string, { sending }: PublicAddresses, comment: string): WantedRecord {
  const part = (kind: string, known: Known) => (known === null ? [`${kind}:ADDRESS`] : known.map((a) => `${kind}:${a}`))
  const parts = ['v=spf1', ...part('ip4', sending.v4), ...part('ip6', sending.v6), '-all']
  const complete = sending.v4 !== null && sending.v6 !== null
  const unknown = 'The addresses that we send from are not known here: name them in publish.addresses.'
  const base = { purpose: 'spf', name, type: 'TXT', value: parts.join(' '), complete } as const
  return { ...base, comment: complete ? comment : `${comment} ${unknown}` }
}

function tlsa(hostname: string, { tlsa: { present, next } }: KeyFacts): WantedRecord[] {
  const record = (digest: string, comment: string): WantedRecord => ({
    ...{ purpose: 'tlsa', name: `_25._tcp.${hostname}`, type: 'TLSA' },
    ...{ value: `3 1 1 ${digest}`, complete: true, comment },
  })
  return [
    ...(present === null
      ? []
      : [record(present, 'The certificate in use. It means something only in a zone that DNSSEC signs.')]),
    ...(next === null || next === present ? [] : [record(next, 'The next key (publish.nextKey).')]),
  ]
}

const dkim = (domain: string, { dkim: keys }: KeyFacts): WantedRecord[] =>
  keys.filter((key) => key.domain === domain).map(dkimRecord)

function dkimRecord({ domain, selector, kind, publicKey, use, activeFrom }: PublishedKey): WantedRecord {
  const comments = {
    signs: null,
    later: `It signs from ${new Date(activeFrom).toISOString()} on.`,
    superseded: 'Another key has taken its place: take it out when that has signed for a week.',
  }
  return {
    ...{ purpose: 'dkim', name: `${selector}._domainkey.${domain}`.toLowerCase(), type: 'TXT' },
    ...{ value: `v=DKIM1; k=${kind}; p=${publicKey}`, complete: true, comment: comments[use] },
  }
}

function domainGroup(domain: string, facts: DnsFacts, policy: OwnPolicy | null): RecordGroup {
  const { config, addresses, keys } = facts
  const mx = ownExchangers(config).map((host): WantedRecord => {
    return { purpose: 'mx', name: domain, type: 'MX', value: `10 ${host}`, complete: true, comment: null }
  })
  const others = 'Before it is published, add whoever else sends for this domain.'
  return {
    of: domain,
    records: [
      ...mx,
      spf(domain, addresses, others),
      ...dkim(domain, keys),
      ...dmarc(domain, config),
      ...mtaSts(domain, config, policy),
      ...tlsReports(domain, config),
    ],
    remarks: domainRemarks(domain, facts, policy),
  }
}

function domainRemarks(domain: string, { config, keys }: DnsFacts, policy: OwnPolicy | null): string[] {
  const problems = keys.problems.filter((problem) => problem.domain === domain).map(({ text }) => `${text}.`)
  const isSigned = keys.dkim.some((key) => domain === key.domain || domain.endsWith(`.${key.domain}`))
  const { tls, dmarc } = config.reports
  const told = (says: boolean, text: string) => (says ? [text] : [])
  return [
    ...problems,
    ...told(!isSigned && problems.length === 0, 'No DKIM record: the plugin sign has no key for it (inspect).'),
    ...told(dmarc.receive === null, 'DMARC reports are sent to nobody: set reports.dmarc.receive.'),
    ...told(policy === null, 'No MTA-STS record: there is no policy for it (publish.mtaSts).'),
    ...told(tls.receive === null, 'No TLS-RPT record: TLS reports are sent to nobody (reports.tls.receive).'),
  ]
}

/** RFC 6068, and RFC 7489 section 6.2, where '!' and ',' mean something. */
export const mailto = ({ local, domain }: Address): string =>
  `mailto:${encodeURIComponent(local).replaceAll('!', '%21')}@${domain}`

function dmarc(domain: string, { publish, reports }: Config): WantedRecord[] {
  const { receive } = reports.dmarc
  const rua = receive === null ? '' : `; rua=${mailto(receive)}`
  const record: WantedRecord = {
    ...{ purpose: 'dmarc', name: `_dmarc.${domain}`, type: 'TXT', value: `v=DMARC1; p=${publish.dmarc}${rua}` },
    ...{ complete: true, comment: publish.dmarc === 'reject' ? null : NEXT_POLICY[publish.dmarc] },
  }
  if (receive === null || isSameHouse(domain, receive.domain)) return [record]
  // RFC 7489 section 7.1
  const name = `${domain}._report._dmarc.${receive.domain}`
  const comment = `${receive.domain} agrees to reports about ${domain}.`
  return [record, { purpose: 'dmarc-consent', name, type: 'TXT', value: 'v=DMARC1', complete: true, comment }]
}

const NEXT_POLICY = {
  none: 'A beginning: when the reports show that all of your mail passes, go on to quarantine and reject (publish.dmarc).',
  quarantine: 'When the reports show that all of your mail passes, go on to reject (publish.dmarc).',
} as const

/** One is the other or above it, as our own reports look at it. */
const isSameHouse = (a: string, b: string): boolean => a === b || b.endsWith(`.${a}`) || a.endsWith(`.${b}`)

function mtaSts(domain: string, { publish, hostname }: Config, policy: OwnPolicy | null): WantedRecord[] {
  if (policy === null || publish.mtaSts === null) return []
  const isServed = publish.mtaSts.listen.length > 0
  return [
    {
      ...{ purpose: 'mta-sts', name: `_mta-sts.${domain}`, type: 'TXT', value: `v=STSv1; id=${policy.id}` },
      ...{ complete: true, comment: 'Another id says that the policy has changed: publish it after the policy.' },
    },
    {
      ...{ purpose: 'mta-sts-host', name: `mta-sts.${domain}`, type: 'CNAME' },
      ...{ value: isServed ? hostname : 'WEBSERVER', complete: isServed },
      comment: isServed
        ? 'Or A and AAAA records, where HTTPS is reached at other addresses.'
        : 'Another web server serves the policy (publish.mtaSts.listen is empty): its name or address.',
    },
  ]
}

function tlsReports(domain: string, { reports }: Config): WantedRecord[] {
  const { receive } = reports.tls
  if (receive === null) return []
  const value = `v=TLSRPTv1; rua=${mailto(receive)}`
  return [{ purpose: 'tls-rpt', name: `_smtp._tls.${domain}`, type: 'TXT', value, complete: true, comment: null }]
}

/** Whether two addresses are the same, as everywhere in Postern. */
export const isSameAddress = (a: Address, b: Address): boolean => addressKey(a) === addressKey(b)

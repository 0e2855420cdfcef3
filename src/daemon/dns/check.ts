import { type Clock, systemClock } from '../../clock.ts'
import { type Resolver, reverseName } from '../../net/dns.ts'
import type { FetchOptions } from '../../transport/mta-sts/fetch.ts'
import type { OwnPolicy } from '../../transport/mta-sts/own.ts'
import { STS_DEFAULTS } from '../../transport/mta-sts/policies.ts'
import { ownExchangers, ownPolicies } from '../publish.ts'
import { judgeAddresses, judgeReverse, judgeTlsa } from './judge-host.ts'
import { judgeMx, judgeStsHost, judgeStsRecord } from './judge-receiver.ts'
import { judgeConsent, judgeDkim, judgeDmarc, judgeSpf, judgeTlsReports } from './judge-sender.ts'
import { cannotTell, type DnsFinding, type Judged, type Subject } from './judged.ts'
import type { RecordGroup, RecordPurpose } from './records.ts'
import type { DnsFacts } from './wanted.ts'

export interface CheckDeps {
  readonly resolver: Resolver
  readonly clock?: Clock
  /** How policies are fetched, where it is not as senders do it. */
  readonly fetch?: Partial<FetchOptions>
}

interface World extends DnsFacts {
  readonly resolver: Resolver
  readonly clock: Clock
  readonly fetch: FetchOptions
  readonly policies: ReadonlyMap<string, OwnPolicy>
}

/** Compares what should stand in the DNS with what it answers. One group after the other, so that a thousand domains are no flood. Never rejects. */
export async function checkRecords(
  groups: readonly RecordGroup[],
  facts: DnsFacts,
  { resolver, clock = systemClock, fetch = {} }: CheckDeps,
): Promise<DnsFinding[]> {
  const policies = ownPolicies(facts.config)
  const world = { ...facts, resolver, clock, policies, fetch: { ...STS_DEFAULTS, ...fetch } }
  const findings: DnsFinding[] = []
  for (const group of groups) {
    findings.push(...(await Promise.all(subjectsOf(group).map((subject) => findingOf(subject, world)))))
  }
  return findings
}

function subjectsOf({ of, records }: RecordGroup): Subject[] {
  const together = Map.groupBy(records, ({ purpose, type, name }) => `${purpose} ${type} ${name}`)
  return [...together.values()].flatMap((same) => {
    const [first] = same
    if (first === undefined) return []
    const { purpose, type, name } = first
    return [{ of, purpose, type, name, records: same }]
  })
}

async function findingOf(subject: Subject, world: World): Promise<DnsFinding> {
  const { records, ...named } = subject
  const wanted = records.map(({ value }) => value)
  try {
    return { ...named, wanted, ...(await JUDGES[subject.purpose](subject, world)) }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { ...named, wanted, ...cannotTell(`it could not be looked at: ${why}`) }
  }
}

const JUDGES: Readonly<Record<RecordPurpose, (subject: Subject, world: World) => Promise<Judged>>> = {
  address: (subject, { resolver }) => judgeAddresses(subject, resolver),
  ptr: (subject, world) => judgeReverse(addressOf(subject, world), subject.records[0]?.value ?? '', world.resolver),
  tlsa: (subject, { keys, resolver, clock }) => judgeTlsa(subject, keys, resolver, clock.now()),
  mx: ({ of }, { config, policies, resolver }) =>
    judgeMx(of, ownExchangers(config), policies.get(of) ?? null, resolver),
  spf: ({ name }, { addresses, config, resolver }) => judgeSpf(name, addresses, config, resolver),
  dkim: (subject, { resolver }) => judgeDkim(subject, resolver),
  dmarc: ({ of, name }, { config, resolver }) => judgeDmarc(of, name, config, resolver),
  'dmarc-consent': ({ name }, { resolver }) => judgeConsent(name, resolver),
  'mta-sts': ({ of, name }, world) => judgeStsRecord(name, policyOf(of, world), world.resolver),
  'mta-sts-host': ({ of }, world) => judgeStsHost(of, policyOf(of, world), world.fetch, world),
  'tls-rpt': ({ name }, { config, resolver }) => judgeTlsReports(name, config, resolver),
}

function policyOf(domain: string, { policies }: World): OwnPolicy {
  const found = policies.get(domain)
  if (found === undefined) throw new Error(`there is no policy for ${domain}`)
  return found
}

function addressOf({ name }: Subject, { addresses: { sending, reached } }: World): string {
  const all = [sending.v4, sending.v6, reached.v4, reached.v6].flatMap((known) => known ?? [])
  return all.find((address) => reverseName(address) === name) ?? name
}

export const isWell = (findings: readonly DnsFinding[]): boolean =>
  findings.every(({ is }) => is === 'ok' || is === 'unknown')

export type { DnsFinding }

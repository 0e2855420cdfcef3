import { systemClock } from '../../clock.ts'
import { type Config, formatProblem, loadConfig } from '../../config/index.ts'
import { parseDomain } from '../../mail/address.ts'
import { createResolver } from '../../net/dns-resolver.ts'
import { dnsOptions } from '../dns-options.ts'
import { publicAddresses } from './addresses.ts'
import { checkRecords, isWell } from './check.ts'
import type { DnsFinding } from './judged.ts'
import { keyFacts } from './keys.ts'
import type { RecordGroup } from './records.ts'
import { type DnsFacts, wantedRecords } from './wanted.ts'

export type { DnsFinding } from './judged.ts'
export { type RecordGroup, type WantedRecord, zoneData, zoneLine } from './records.ts'

/** What an operator asks for. */
export interface DnsRequest {
  readonly configFile: string
  /** In place of the configuration's `state.dir`. */
  readonly stateDir: string | null
  /** The groups that are wanted, by domain or hostname; none: all. */
  readonly domains: readonly string[]
}

/** Nothing was done: `config`: the configuration is wrong; `domain`: one that was named is not ours. One line each. */
export interface DnsWrong {
  readonly wrong: readonly string[]
  readonly because: 'config' | 'domain'
}

export interface DnsReport {
  /** Nothing is missing or different. */
  readonly ok: boolean
  readonly findings: readonly DnsFinding[]
}

/** The facts that records are made of, from a configuration. Never rejects. */
export async function dnsFacts(config: Config, now: number): Promise<DnsFacts> {
  return { config, addresses: publicAddresses(config), keys: await keyFacts(config, now) }
}

/** Every record to publish, from the configuration alone: no daemon need run. */
export async function askRecords(request: DnsRequest): Promise<{ readonly groups: readonly RecordGroup[] } | DnsWrong> {
  const prepared = await prepare(request)
  return 'wrong' in prepared ? prepared : { groups: prepared.groups }
}

/** Compares them with what the DNS answers, as the configured resolver tells it. */
export async function askCheck(request: DnsRequest): Promise<DnsReport | DnsWrong> {
  const prepared = await prepare(request)
  if ('wrong' in prepared) return prepared
  const { groups, facts } = prepared
  const resolver = createResolver(dnsOptions(facts.config), systemClock)
  const findings = await checkRecords(groups, facts, { resolver })
  return { ok: isWell(findings), findings }
}

interface Prepared {
  readonly groups: readonly RecordGroup[]
  readonly facts: DnsFacts
}

async function prepare({ configFile, stateDir, domains }: DnsRequest): Promise<Prepared | DnsWrong> {
  const loaded = loadConfig(configFile, { env: process.env, ...(stateDir !== null && { stateDir }) })
  if (!loaded.ok) return { wrong: loaded.problems.map(formatProblem), because: 'config' }
  const facts = await dnsFacts(loaded.config, systemClock.now())
  const all = wantedRecords(facts)
  const asked = new Set(domains.map((domain) => parseDomain(domain.replace(/\.$/, '')) ?? domain))
  const strangers = [...asked].filter((domain) => all.every(({ of }) => of !== domain))
  if (strangers.length > 0) {
    return { wrong: strangers.map((domain) => `${domain} is no domain of this configuration.`), because: 'domain' }
  }
  return { facts, groups: asked.size === 0 ? all : all.filter(({ of }) => asked.has(of)) }
}

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { systemClock } from '../../../../src/clock.ts'
import { loadConfig } from '../../../../src/config/index.ts'
import { dnsFacts } from '../../../../src/daemon/dns/ask.ts'
import { checkRecords } from '../../../../src/daemon/dns/check.ts'
import type { DnsFinding } from '../../../../src/daemon/dns/judged.ts'
import type { RecordGroup, WantedRecord } from '../../../../src/daemon/dns/records.ts'
import { type DnsFacts, wantedRecords } from '../../../../src/daemon/dns/wanted.ts'
import { type Scope, temporaryFolder } from '../../../support/folder.ts'
import { type Zone, type ZoneEntry, zoneResolver } from '../../../support/zone.ts'

export const NOW = Date.UTC(2026, 10, 22)

/** The records that a configuration asks for; what is not in `more` is a relay for royal.test at two addresses. */
export async function recordsFor(
  scope: Scope,
  more: object = {},
): Promise<{
  readonly facts: DnsFacts
  readonly groups: readonly RecordGroup[]
  readonly all: readonly WantedRecord[]
}> {
  const file = join(temporaryFolder(scope), 'postern.yaml')
  const basics = {
    hostname: 'relay.royal.test',
    listeners: [{ port: 25, tls: 'none' }],
    domains: { 'royal.test': { relayTo: 'mx.inside.test' } },
    publish: { addresses: ['192.0.2.25', '2001:db8::25'] },
  }
  writeFileSync(file, stringify({ ...basics, ...more }))
  const loaded = loadConfig(file)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const facts = await dnsFacts(loaded.config, NOW)
  const groups = wantedRecords(facts)
  return { facts, groups, all: groups.flatMap(({ records }) => records) }
}

/** The records as a zone, as if they had been published; `other` takes the place of what a name has of a type. */
export function published(records: readonly WantedRecord[], other: Zone = {}): Zone {
  const zone: Record<string, Record<string, unknown>> = {}
  for (const { name, type, value, complete } of records) {
    if (!complete || type === 'CNAME') continue
    const [place, list] = type === 'PTR' ? [addressOf(name), [value]] : [name, [dataOf(type, value)]]
    zone[place] ??= {}
    const entry = zone[place]
    entry[type.toLowerCase()] = [...((entry[type.toLowerCase()] as unknown[]) ?? []), ...list]
    entry.authentic = true
  }
  for (const [name, entry] of Object.entries(other)) zone[name] = { ...zone[name], ...entry }
  return zone as Record<string, ZoneEntry>
}

function dataOf(type: string, value: string): unknown {
  const [preference, exchange] = value.split(' ')
  return type === 'MX' ? [Number(preference), exchange] : value
}

const addressOf = (name: string): string =>
  name.endsWith('.in-addr.arpa') ? name.split('.').slice(0, 4).reverse().join('.') : '2001:db8::25'

/** What the check says of a zone, by `TYPE name`. */
export async function checked(
  { facts, groups }: { readonly facts: DnsFacts; readonly groups: readonly RecordGroup[] },
  zone: Zone,
  failing: readonly string[] = [],
): Promise<ReadonlyMap<string, DnsFinding>> {
  const findings = await checkRecords(groups, facts, { resolver: zoneResolver(zone, failing), clock: systemClock })
  return new Map(findings.map((finding) => [`${finding.type} ${finding.name}`, finding]))
}

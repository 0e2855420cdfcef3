import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf } from '../../src/inspect/plugins/authentication/dns-bridge.ts'
import { checkSpf } from '../../src/inspect/plugins/authentication/spf.ts'
import type { ReversePath } from '../../src/mail/envelope.ts'
import { corpus, NO_CORPUS } from '../support/corpus.ts'
import { type Zone, type ZoneResolver, zoneResolver } from '../support/zone.ts'

/**
 * The openspf.org suite for RFC 7208. Its zones are put behind the resolver that the relay itself
 * asks. Nothing is skipped; explanations (exp=) are not compared, as they are third parties' text
 * that the relay shows to nobody.
 */
interface Scenario {
  readonly description: string
  readonly tests: Readonly<Record<string, SpfTest>>
  readonly zonedata: Readonly<Record<string, readonly Row[]>>
}

interface SpfTest {
  readonly helo: string
  readonly host: string
  readonly mailfrom: string
  readonly result: string | readonly string[]
}

type Row = 'TIMEOUT' | { readonly [type: string]: unknown }

const suite = corpus('spf/rfc7208-tests.yml') as Scenario[] | null
if (suite === null) test('RFC 7208', { skip: NO_CORPUS }, () => {})

for (const { description, tests, zonedata } of suite ?? []) {
  for (const [name, { helo, host, mailfrom, result }] of Object.entries(tests)) {
    test(`${description}: ${name} is ${[result].flat().join(' or ')}`, async () => {
      const session = { remoteAddress: host, helo }
      const found = await checkSpf({ session, mailFrom: pathOf(mailfrom) }, 'mx.example.test', resolverOf(zonedata))
      assert.ok([result].flat().includes(found.result), `it is ${found.result}`)
    })
  }
}

/** As the suite has it: paths that no server would take are among them. */
function pathOf(text: string): ReversePath {
  if (text === '') return null
  const at = text.lastIndexOf('@')
  return { local: text.slice(0, Math.max(0, at)), domain: text.slice(at + 1) }
}

function resolverOf(data: Scenario['zonedata']): ZoneResolver {
  const names = new Map(Object.entries(data).map(([name, rows]) => [name.toLowerCase(), rows]))
  const zone: Record<string, Zone[string]> = {}
  const failing: string[] = []
  for (const name of names.keys()) {
    const rows = follow(name, names)
    const key = name.endsWith('.arpa') ? addressKey(name) : name
    zone[key] = entryOf(rows)
    const types = ['TXT', 'A', 'AAAA', 'MX', 'PTR'].filter((type) => failsFor(type, rows))
    failing.push(...types.map((type) => `${type.toLowerCase()} ${key}`))
  }
  return zoneResolver(zone, failing)
}

/** The zone resolver keeps PTR records under the address that is asked for. */
const addressKey = (name: string): string => addressOf(name)

/** What is behind CNAMEs counts as the name's own, as any resolver has it. */
function follow(name: string, names: ReadonlyMap<string, readonly Row[]>, depth = 0): readonly Row[] {
  const rows = names.get(name.toLowerCase()) ?? []
  const alias = rows.map((row) => (row === 'TIMEOUT' ? undefined : row.CNAME)).find((target) => target !== undefined)
  return alias === undefined || depth > 5 ? rows : follow(String(alias), names, depth + 1)
}

const valuesOf = (type: string, rows: readonly Row[]): unknown[] =>
  rows.flatMap((row) => (row === 'TIMEOUT' || row[type] === undefined ? [] : [row[type]]))

/** SPF stands for TXT where a name has no TXT of its own (the suite's own rule). */
function txtOf(rows: readonly Row[]): unknown[] {
  const own = valuesOf('TXT', rows)
  const found = own.length > 0 ? own : valuesOf('SPF', rows)
  return found.filter((text) => text !== 'NONE')
}

/** TIMEOUT stands for all types that the name has no records of. */
function failsFor(type: string, rows: readonly Row[]): boolean {
  const values = type === 'TXT' ? txtOf(rows) : valuesOf(type, rows)
  return values.length === 0 && rows.includes('TIMEOUT')
}

function entryOf(rows: readonly Row[]): Zone[string] {
  const texts = (type: string) => valuesOf(type, rows).map((text) => String(text).replace(/\.$/, ''))
  return {
    txt: txtOf(rows).map((text) => [text].flat().join('')),
    a: texts('A'),
    aaaa: texts('AAAA'),
    ptr: texts('PTR'),
    mx: valuesOf('MX', rows).map((row) => {
      const [preference, exchange] = row as [number, string]
      return [preference, exchange.replace(/\.$/, '')] as const
    }),
  }
}

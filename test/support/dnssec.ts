import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { need, program } from './components.ts'
import { temporaryFolder } from './folder.ts'
import { freePort } from './ports.ts'
import { end, run, start } from './process.ts'
import { defer, type Scope } from './scope.ts'
import { waitFor } from './wait.ts'

/** Lines of a zone file by origin, without SOA and NS: `{ 'signed.test': ['@ MX 10 mx', 'mx A 127.0.0.1'] }`. */
export type ZoneFiles = Readonly<Record<string, readonly string[]>>

export interface SignedZones {
  /** Zones that are signed, with a trust anchor in the resolver. */
  readonly signed: ZoneFiles
  /** Zones that nobody vouches for. */
  readonly unsigned?: ZoneFiles
  /** `name TYPE` in signed zones whose signature is broken, such as `mx.signed.test A`. */
  readonly bogus?: readonly string[]
}

export interface ValidatingServer {
  /** `address:port` of the validating resolver, as `dns.servers` takes it. */
  readonly server: string
  /** Puts other zones in the place of these; the same origins, the same keys. */
  change(zones: SignedZones): Promise<void>
}

/** Whether nsd, unbound and the signer are here; otherwise the test is skipped, or fails where CI is set. */
export const needDnssec = (test: TestContext): boolean => need(test, 'nsd', 'unbound', 'ldns-keygen', 'ldns-signzone')

/** A real nsd with signed zones behind a real unbound that validates, both on loopback; they end with the scope. */
export async function startSignedZone(scope: Scope, zones: SignedZones): Promise<ValidatingServer> {
  const folder = temporaryFolder(scope, 'dnssec')
  const [authority, resolver] = [await freePort(), await freePort()]
  const keys = await makeKeys(folder, Object.keys(zones.signed))
  await writeZones(folder, zones, keys)
  const origins = [...Object.keys(zones.signed), ...Object.keys(zones.unsigned ?? {})]
  writeFileSync(join(folder, 'nsd.conf'), nsdConf(folder, authority, origins))
  writeFileSync(join(folder, 'unbound.conf'), unboundConf(folder, { resolver, authority }, origins, keys))
  const nsd = await start(place('nsd'), ['-d', '-c', join(folder, 'nsd.conf')])
  defer(scope, () => end(nsd))
  const unbound = await start(place('unbound'), ['-d', '-c', join(folder, 'unbound.conf')])
  defer(scope, () => end(unbound))
  const server = `127.0.0.1:${resolver}`
  const detail = () => nsd.output() + unbound.output()
  await waitFor(() => serves(server, origins[0] ?? ''), { what: 'unbound and nsd to answer', detail })
  return {
    server,
    async change(next) {
      await writeZones(folder, next, keys)
      nsd.signal('SIGHUP')
      const marker = serialOf(folder, origins[0] ?? '')
      await waitFor(async () => (await serves(server, origins[0] ?? '')) === marker, { what: 'nsd to reload', detail })
    },
  }
}

const place = (name: string): string => program(name) ?? name

/** Key of each signed zone: the base name of its files. */
type Keys = ReadonlyMap<string, string>

async function makeKeys(folder: string, origins: readonly string[]): Promise<Keys> {
  const keys = new Map<string, string>()
  for (const origin of origins) {
    const made = await run('ldns-keygen', ['-a', 'ECDSAP256SHA256', '-k', origin], { cwd: folder })
    if (made.code !== 0) throw new Error(`ldns-keygen: ${made.stderr}`)
    keys.set(origin, made.stdout.trim())
  }
  return keys
}

let serial = 0

async function writeZones(folder: string, { signed, unsigned = {}, bogus = [] }: SignedZones, keys: Keys) {
  serial++
  for (const [origin, lines] of Object.entries(unsigned)) writeZone(join(folder, `${origin}.zone`), origin, lines)
  for (const [origin, lines] of Object.entries(signed)) {
    const plain = join(folder, `${origin}.plain`)
    const zone = join(folder, `${origin}.zone`)
    writeZone(plain, origin, lines)
    const made = await run('ldns-signzone', ['-o', origin, '-f', zone, plain, keys.get(origin) ?? ''], { cwd: folder })
    if (made.code !== 0) throw new Error(`ldns-signzone: ${made.stderr}`)
    writeFileSync(
      zone,
      readFileSync(zone, 'utf8')
        .split('\n')
        .map((line) => spoilt(line, bogus))
        .join('\n'),
    )
  }
}

function writeZone(file: string, origin: string, lines: readonly string[]): void {
  const head = [
    `$ORIGIN ${origin}.`,
    '$TTL 60',
    `@ SOA ns hostmaster ${serial} 3600 600 86400 60`,
    '@ NS ns',
    'ns A 127.0.0.1',
  ]
  writeFileSync(file, [...head, `serial TXT "${serial}"`, ...lines, ''].join('\n'))
}

const serialOf = (folder: string, origin: string): string =>
  /serial\S*\s+\d+\s+(?:IN\s+)?TXT\s+"(\d+)"/.exec(readFileSync(join(folder, `${origin}.zone`), 'utf8'))?.[1] ?? ''

/** Changes one character inside the signature of `name TYPE`, if the line is it. */
function spoilt(line: string, bogus: readonly string[]): string {
  const [, name, type] = /^(\S+)\.\s+\d+\s+IN\s+RRSIG\s+(\S+)\s/.exec(line) ?? []
  if (!bogus.includes(`${name} ${type}`)) return line
  const signature = /(\S{40})(\S)(\S*)\s*$/.exec(line)
  if (signature === null) throw new Error(`no signature in ${line}`)
  return line.slice(0, signature.index) + signature[1] + (signature[2] === 'A' ? 'B' : 'A') + signature[3]
}

async function serves(server: string, origin: string): Promise<string> {
  const { Resolver } = await import('node:dns/promises')
  const resolver = new Resolver({ timeout: 500, tries: 1 })
  resolver.setServers([server])
  return resolver.resolveTxt(`serial.${origin}`).then(
    (found) => found[0]?.[0] ?? '',
    () => '',
  )
}

const nsdConf = (folder: string, port: number, origins: readonly string[]): string => `
server:
  ip-address: 127.0.0.1@${port}
  username: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: "${folder}/nsd.pid"
  xfrdfile: "${folder}/xfrd.state"
  zonelistfile: "${folder}/zone.list"
  xfrdir: "${folder}"
  logfile: "${folder}/nsd.log"
  server-count: 1
remote-control:
  control-enable: no
${origins.map((origin) => `zone:\n  name: "${origin}"\n  zonefile: "${origin}.zone"\n`).join('')}`

/** Nothing is kept, so that a changed zone counts at once; \`test.\` is not answered by unbound itself as it would be. */
const unboundConf = (
  folder: string,
  { resolver, authority }: { resolver: number; authority: number },
  origins: readonly string[],
  keys: Keys,
): string => `
server:
  interface: 127.0.0.1@${resolver}
  port: ${resolver}
  do-ip6: no
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: "${folder}/unbound.pid"
  use-syslog: no
  verbosity: 1
  num-threads: 1
  do-not-query-localhost: no
  local-zone: "test." nodefault
  module-config: "validator iterator"
  cache-max-ttl: 0
  cache-max-negative-ttl: 0
  aggressive-nsec: no
  infra-host-ttl: 1
  val-bogus-ttl: 0
${[...keys.values()].map((key) => `  trust-anchor-file: "${folder}/${key}.key"\n`).join('')}
remote-control:
  control-enable: no
${origins.map((origin) => `stub-zone:\n  name: "${origin}"\n  stub-addr: 127.0.0.1@${authority}\n`).join('')}`

import { Command } from 'commander'
import type { ApiHostProbe, ApiProbe, ApiProbeRequest } from '../../api.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { choice, type DaemonOptions, withDaemonOptions } from '../../options.ts'
import { openSession } from '../../session.ts'
import { counted } from '../../text/size.ts'
import { formatMoment } from '../../text/time.ts'
import { domainName } from './entry.ts'

interface ProbeOptions extends DaemonOptions {
  readonly requirement?: 'verified' | 'dane' | 'pinned'
  readonly fingerprint: readonly string[]
  readonly minTls?: 'TLSv1.2' | 'TLSv1.3'
  readonly nextHop?: string
}

export function probeCommand(): Command {
  const command = new Command('probe')
    .argument('<domain>', 'domain', domainName)
    .description('connect to the hosts of a domain, and say whether its requirement would hold')
    .addOption(choice('--requirement <what>', 'in place of what the register says', ['verified', 'dane', 'pinned']))
    .option('--fingerprint <hex>', 'for pinned: SHA-256 of a certificate; may be repeated', each, [])
    .addOption(choice('--min-tls <version>', 'in place of what the register says', ['TLSv1.2', 'TLSv1.3']))
    .option('--next-hop <host>', 'probe this host, or host:port, in place of where its mail goes now')
  return withDaemonOptions(command).addHelpText('after', HELP).action(probe)
}

const each = (text: string, before: readonly string[]): string[] => [...before, text]

const HELP = `
The daemon connects from where it sends, to each address of each host, asks for TLS and says QUIT: no mail
is sent. Exits 1 where the requirement would not hold at every address, or, without one, where a host
shows no TLS. "holds" with each way to prove the path says what could be required.

Examples:
  postern domain probe royal.example.test
  postern domain probe royal.example.test --requirement dane`

async function probe(domain: string, options: ProbeOptions): Promise<void> {
  const { api, terminal, json, by } = openSession(options)
  const found = await api.post<ApiProbe>(`/v1/domains/${encodeURIComponent(domain)}/probe`, requestOf(options, by))
  if (json) terminal.json(found)
  else terminal.print(...describe(found))
  if (!found.holds) process.exitCode = EXIT.failed
}

function requestOf({ requirement, fingerprint, minTls, nextHop }: ProbeOptions, by: string): ApiProbeRequest {
  return {
    by,
    ...(requirement !== undefined && { requirement }),
    ...(fingerprint.length > 0 && { fingerprints: fingerprint.map(readFingerprint) }),
    ...(minTls !== undefined && { minTls }),
    ...(nextHop !== undefined && { nextHop }),
  }
}

function readFingerprint(text: string): string {
  const hex = text.replaceAll(':', '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(hex)) return hex
  throw new CommandFailure(
    EXIT.usage,
    `--fingerprint: expected the SHA-256 of a certificate, 64 hex digits; found '${text}'.`,
  )
}

function describe(found: ApiProbe): string[] {
  const { domain, way, mtaSts, hosts, left } = found
  if (hosts.length === 0) return [`${domain}: ${way}.`]
  return [
    `Mail for ${domain} goes ${way}.`,
    ...(mtaSts === null ? [] : [`MTA-STS: ${mtaSts}.`]),
    ...hosts.flatMap((host) => ['', ...describeHost(host)]),
    ...(left > 0 ? ['', `${counted(left, 'more address')} were left out.`] : []),
    '',
    conclusion(found),
  ]
}

function conclusion({ requirement, holds }: ApiProbe): string {
  if (requirement === null)
    return holds ? 'No requirement. Every host shows TLS.' : 'No requirement. Not every host shows TLS.'
  const { prove, minTls, from } = requirement
  const what = `${prove}, ${minTls} or later (${from === 'register' ? 'as the register says' : 'as asked'})`
  return holds ? `The requirement holds: ${what}.` : `The requirement would NOT hold everywhere: ${what}.`
}

const describeHost = ({ host, port, failure, probes }: ApiProbe['hosts'][number]): string[] =>
  failure === null ? probes.flatMap(describeProbe) : [`${host}:${port}`, `  Failed       ${failure}`]

function describeProbe(probe: ApiHostProbe): string[] {
  const { host, address, port, failure, tls, requireTls, tlsa, wanted } = probe
  return [
    `${host}:${port}${host === address ? '' : ` (${address})`}`,
    ...(failure === null ? [] : [`  Failed       ${failure}`]),
    ...(tls === null ? [] : [`  TLS          ${tls.protocol}, ${tls.cipher}${requireTls ? ', REQUIRETLS' : ''}`]),
    ...describeChain(probe),
    `  TLSA         ${tlsa.says}`,
    ...tlsa.records.map((record) => `               ${record}`),
    ...(tls === null ? [] : describeWays(probe)),
    ...(wanted === null ? [] : [`  Requirement  ${wanted.holds ? 'holds' : `does NOT hold: ${wanted.why}`}`]),
  ]
}

function describeChain({ chain }: ApiHostProbe): string[] {
  const [own, ...above] = chain
  if (own === undefined) return []
  return [
    `  Certificate  ${own.subject}`,
    `    Names      ${own.names.join(', ') || 'none'}`,
    `    Valid      ${formatMoment(own.notBefore)} to ${formatMoment(own.notAfter)}`,
    `    SHA-256    ${own.fingerprint}`,
    `    Its key    ${own.publicKeyFingerprint}`,
    `    Issuer     ${own.issuer}`,
    ...above.map(({ subject, issuer }) => `    Above it   ${subject}, issued by ${issuer}`),
  ]
}

const describeWays = ({ holds }: ApiHostProbe): string[] =>
  (['verified', 'dane'] as const).map(
    (way) => `  ${way.padEnd(12)} ${holds[way] === null ? 'holds' : `would not hold: ${holds[way]}`}`,
  )

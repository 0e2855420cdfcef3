import { addressKey, formatAddress } from '../mail/address.ts'
import type { Config } from './config.ts'
import type { PluginEntry } from './schema/inspect.ts'

interface Complaint {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

const KINDS = ['tls', 'dmarc'] as const

/** All mail to an address for reports is read as a report: what people send there, or we send to people, would be gone. */
export function* reportAddressesAreNobodyElses({ reports, alarms, postmaster }: Config): Iterable<Complaint> {
  const people = new Map([
    ...alarms.mailTo.map((address) => [addressKey(address), 'alarms.mailTo'] as const),
    [addressKey(postmaster), 'postmaster'] as const,
  ])
  for (const kind of KINDS) {
    const { receive } = reports[kind]
    const owner = receive === null ? undefined : people.get(addressKey(receive))
    if (receive === null || owner === undefined) continue
    const message = `${formatAddress(receive)} is ${owner} too, and mail to it would be read as a report and shown to nobody: give reports an address of their own`
    yield { path: ['reports', kind, 'receive'], message }
  }
  const [tls, dmarc] = [reports.tls.receive, reports.dmarc.receive]
  if (tls === null || dmarc === null || addressKey(tls) !== addressKey(dmarc)) return
  const message = 'is the address of reports.tls.receive: what came there would be read as TLS reports alone'
  yield { path: ['reports', 'dmarc', 'receive'], message }
}

const isOwn = (entry: PluginEntry, name: string): boolean => entry.name === name && entry.module === null

/** Who gets reports asks for a signature (RFC 8460 section 5.3), and drops those that have none. */
export function* reportsAreSigned({ reports, inspect, hostname }: Config): Iterable<Complaint> {
  const { organisation, from, tls, dmarc } = reports
  if (organisation === null || from === null || !(tls.send || dmarc.send)) return
  const sign = inspect.find((entry) => isOwn(entry, 'sign') && entry.mode === 'enforce')
  if (sign !== undefined && domainsOf(sign.options, hostname).some((domain) => isAtOrBelow(from.domain, domain))) return
  const message = `no key of the plugin sign is for ${from.domain}: reports go out unsigned, and others may not believe them`
  yield { path: ['reports', 'from'], message }
}

/** The domains that a plugin `sign` has keys for which are not some client's alone. */
function domainsOf({ domain, keys }: Readonly<Record<string, unknown>>, hostname: string): string[] {
  const more = Array.isArray(keys) ? (keys as readonly { readonly domain?: unknown; readonly clients?: unknown }[]) : []
  const open = more.filter(({ clients }) => clients === null || clients === undefined).map((each) => each.domain)
  return [domain ?? hostname, ...open].filter((each) => typeof each === 'string').map((each) => each.toLowerCase())
}

const isAtOrBelow = (name: string, domain: string): boolean => name === domain || name.endsWith(`.${domain}`)

/** Without it, anybody's report counts as well as the true one. */
export function* reportersAreProven({ reports, inspect }: Config): Iterable<Complaint> {
  const looks = inspect.some(
    (entry) => isOwn(entry, 'authentication') && entry.mode !== 'observe' && entry.when === null,
  )
  if (looks) return
  for (const kind of KINDS) {
    if (reports[kind].receive === null) continue
    const message =
      'nobody looks who sends reports: without the plugin authentication for all mail, forged ones count as true'
    yield { path: ['reports', kind, 'receive'], message }
  }
}

import { InvalidArgumentError } from 'commander'
import { parseDomain } from '../../../mail/address.ts'
import { type SecureDomain, standingOf } from '../../../mail/secure-domain.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import type { Kit, Place } from './register.ts'

/** An entry as `--json` prints it. */
export interface EntryDocument {
  readonly domain: string
  readonly subdomains: boolean
  readonly requirement: 'verified' | 'dane' | 'pinned'
  readonly fingerprints: readonly string[]
  readonly minTls: string
  readonly ciphers: readonly string[] | null
  /** `host:port`. */
  readonly nextHop: string | null
  readonly owner: string
  /** Days, such as `2027-05-31`. */
  readonly reviewedOn: string
  readonly expiresOn: string
  readonly approvers: readonly [string, string]
  readonly standing: 'secure' | 'expired' | 'retired'
}

export function documentOf(entry: SecureDomain, { kit, session: { now } }: Place): EntryDocument {
  const { prove, fingerprints, minTls, ciphers } = entry.requirement
  const fields = kit.fieldsOf(entry)
  return {
    domain: entry.domain,
    subdomains: entry.subdomains,
    requirement: prove,
    fingerprints,
    minTls,
    ciphers,
    nextHop: fields['next-hop'] || null,
    owner: entry.owner,
    reviewedOn: fields['reviewed-on'],
    expiresOn: fields['expires-on'],
    approvers: entry.approvers,
    standing: standingOfEntry(entry, now),
  }
}

export function standingOfEntry(entry: SecureDomain, now: number): EntryDocument['standing'] {
  const { is } = standingOf(entry.domain, { exact: new Map([[entry.domain, entry]]), below: new Map() }, now)
  return is === 'unknown' ? 'retired' : is
}

/** An entry in lines for a person. */
export function describeEntry(entry: SecureDomain, place: Place): string[] {
  const { kit, session } = place
  const { requirement, fingerprints, minTls, ciphers } = documentOf(entry, place)
  const fields = kit.fieldsOf(entry)
  return [
    `Domain       ${entry.domain}${entry.subdomains ? ' and all names below it' : ''}`,
    `Requirement  ${requirement}, ${minTls} or later`,
    ...fingerprints.map((hex) => `             ${hex}`),
    `Ciphers      ${ciphers?.join(' ') ?? "the service's own list"}`,
    `Next hop     ${fields['next-hop'] || 'as for any domain'}`,
    `Owner        ${entry.owner}`,
    `Approved by  ${entry.approvers.join(' and ')}`,
    `Reviewed on  ${fields['reviewed-on']}`,
    `Status       ${statusOf(entry, kit, session.now)}`,
  ]
}

export function statusOf(entry: SecureDomain, kit: Kit, now: number): string {
  if (entry.status === 'retired') return 'retired'
  return `active, ${kit.expiryInWords({ entry, expired: entry.expiresOn <= now }, now)}`
}

/** For commander: a domain in lower-case A-labels. */
export function domainName(text: string): string {
  const domain = text.startsWith('[') ? null : parseDomain(text)
  if (domain === null) throw new InvalidArgumentError('Expected a domain name such as example.test.')
  return domain
}

export const notRegistered = (domain: string, file: string): CommandFailure =>
  new CommandFailure(EXIT.notFound, `${domain} does not stand in ${file}.`)

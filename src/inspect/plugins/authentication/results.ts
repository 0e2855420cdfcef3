import { formatAuthHeaderRow } from 'mailauth/lib/tools.js'
import type { PublishedPolicy } from '../../../mail/dmarc.ts'
import type { SessionView } from '../../plugin.ts'
import type { DmarcFact } from './dmarc.ts'
import type { AuthenticationFacts } from './facts.ts'
import type { SpfFact } from './spf.ts'
import type { ArcFact, Verified } from './verify-job.ts'

/** All that was found out about who sent a message. */
export interface Findings {
  readonly spf: SpfFact | null
  readonly verified: Verified
  readonly dmarc: DmarcFact | null
  readonly dmarcInfo: string | null
  /** The policy of a domain that asks for reports. */
  readonly published: PublishedPolicy | null
  /** Why a DMARC failure does not count. */
  readonly override: string | null
}

const STRICT = { strict: true } as const

/** The value of our Authentication-Results field (RFC 8601 section 2.2). */
export function resultsValue(authservId: string, session: SessionView, findings: Findings): string {
  const rows = [
    ...iprevRow(session),
    ...authRow(session),
    ...spfRow(findings.spf),
    ...dkimRows(findings.verified),
    ...arcRow(findings.verified.arc),
    ...dmarcRow(findings),
  ]
  // RFC 2047 words have no place in here, and what is above ASCII is for people only
  return [authservId, ...(rows.length === 0 ? ['none'] : rows)].join('; ').replace(/[^\x20-\x7e]/g, '?')
}

/** A word that no reader, however careless, takes for a result. */
const plain = (text: string): string => text.slice(0, 255).replace(/[^A-Za-z0-9@._:+-]/g, '_')

/** RFC 8601 section 2.7.3. Nothing is said where no name was found, as the check may be switched off. */
function iprevRow({ remoteName, remoteAddress }: SessionView): string[] {
  if (remoteName === null) return []
  return [
    formatAuthHeaderRow(
      'iprev',
      { result: 'pass', comment: plain(remoteName), policy: { iprev: remoteAddress } },
      STRICT,
    ),
  ]
}

function authRow({ user }: SessionView): string[] {
  return user === null ? [] : [formatAuthHeaderRow('auth', { result: 'pass', smtp: { auth: plain(user) } }, STRICT)]
}

function spfRow(spf: SpfFact | null): string[] {
  if (spf === null) return []
  return [formatAuthHeaderRow('spf', { result: spf.result, smtp: { [spf.identity]: plain(spf.domain) } }, STRICT)]
}

function dkimRows({ dkim, ignored }: Verified): string[] {
  const rows = dkim.map(({ info }) => info)
  if (ignored > 0) rows.push(`dkim=neutral (${ignored} more signatures were not examined)`)
  return rows.length === 0 ? ['dkim=none'] : rows
}

function arcRow({ result, comment, instance }: ArcFact): string[] {
  if (result === 'none') return []
  const text = result === 'pass' ? `i=${instance}` : (comment ?? '')
  return [formatAuthHeaderRow('arc', { result, comment: text }, STRICT)]
}

function dmarcRow({ dmarc, dmarcInfo, override }: Findings): string[] {
  if (dmarc === null) return []
  const row = dmarcInfo ?? 'dmarc=permerror (no single author domain)'
  return [override === null ? row : `${row} (overridden: ${override})`]
}

const MOST_SHOWN = 20
const short = (text: string): string => text.slice(0, 255)

/** The same for the trace, and for plugins of later phases. */
export function factsOf(by: string, { remoteName }: SessionView, findings: Findings): AuthenticationFacts {
  const { spf, verified, dmarc, override } = findings
  const { arc } = verified
  const dkim = verified.dkim.slice(0, MOST_SHOWN)
  return {
    by,
    ...(spf !== null && { spf: { ...spf, domain: short(spf.domain) } }),
    dkim: dkim.map(({ result, domain, selector }) => ({ result, domain: short(domain), selector: short(selector) })),
    ...(verified.ignored > 0 && { dkimIgnored: verified.ignored }),
    ...(arc.result !== 'none' && {
      arc: { result: arc.result, instance: arc.instance, sealers: arc.sealers.slice(-5).map(short) },
    }),
    ...(dmarc !== null && { dmarc: { ...dmarc, from: dmarc.from === null ? null : short(dmarc.from) } }),
    ...(override !== null && { override }),
    ...(remoteName !== null && { iprev: remoteName }),
  }
}

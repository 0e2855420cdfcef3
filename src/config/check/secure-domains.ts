import type { Config } from '../config.ts'
import { expiriesOf, expiryInWords } from '../secure-domains/expiry.ts'
import type { Finding } from './finding.ts'

const MOST_TOLD = 20

/** Entries of the register that are over, or soon will be. Warnings: the daemon starts with them, and mail for an expired domain goes the way of any other. */
export function checkSecureDomains({ secureDomains }: Config, now: number): Finding[] {
  if (secureDomains === null) return []
  const { file, entries, warnMs } = secureDomains
  const found = expiriesOf(entries, now, warnMs)
  const at = { level: 'warning', key: 'secureDomains.file', where: file } as const
  const told = found.slice(0, MOST_TOLD).map((expiry): Finding => {
    const { domain, owner } = expiry.entry
    const remedy = `Review it with its owner, ${owner}, then: postern domain add ${domain} --replace, or postern domain retire ${domain}.`
    return { ...at, what: `${domain} ${expiryInWords(expiry, now)}`, remedy }
  })
  const rest = found.length - told.length
  if (rest === 0) return told
  const remedy = `postern domain list --expiring ${Math.ceil(warnMs / 86_400_000)}d shows them all.`
  return [...told, { ...at, what: `${rest} more entries have expired or expire soon`, remedy }]
}

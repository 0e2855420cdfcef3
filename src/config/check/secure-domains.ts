import type { Config } from '../config.ts'
import { expiriesOf, expiryInWords } from '../secure-domains/expiry.ts'
import { keptFile, lostSince, readKept } from '../secure-domains/in-force.ts'
import type { Finding } from './finding.ts'

const MOST_TOLD = 20

/**
 * Entries of the register that are over, or soon will be. Warnings: the daemon starts with them, and mail for an
 * expired domain goes the way of any other. An error: one that was in force and is gone, with which it does not start.
 */
export function checkSecureDomains(config: Config, now: number): Finding[] {
  return [...checkLost(config, now), ...checkExpiry(config, now)]
}

function checkLost({ secureDomains, state }: Config, now: number): Finding[] {
  const read = readKept(state.dir)
  const at = { level: 'error', key: 'secureDomains', where: secureDomains?.file ?? keptFile(state.dir) } as const
  const remedy = 'Put it back, or let it go: postern domain accept-loss.'
  if (read.is === 'none') return []
  if (read.is === 'unreadable') {
    const what = `the record of what was in force cannot be read: ${read.why}`
    return [
      { ...at, where: keptFile(state.dir), what, remedy: 'A start needs it: see postern domain accept-loss --help.' },
    ]
  }
  const lost = lostSince(read.kept, secureDomains?.register ?? null, now)
  const told = lost.slice(0, MOST_TOLD).join(', ')
  const rest = lost.length > MOST_TOLD ? ` and ${lost.length - MOST_TOLD} more` : ''
  return lost.length === 0 ? [] : [{ ...at, what: `${told}${rest} was secure and is not in it any more`, remedy }]
}

function checkExpiry({ secureDomains }: Config, now: number): Finding[] {
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

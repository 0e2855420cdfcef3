import type { SecureDomain } from '../../mail/secure-domain.ts'
import { formatDay } from './columns.ts'

const DAY_MS = 86_400_000

/** An active entry that is over, or soon will be. */
export interface Expiry {
  readonly entry: SecureDomain
  readonly expired: boolean
}

/** The active entries that expire before `now + withinMs`, the earliest first. */
export function expiriesOf(entries: readonly SecureDomain[], now: number, withinMs: number): Expiry[] {
  return entries
    .filter(({ status, expiresOn }) => status === 'active' && expiresOn - now <= withinMs)
    .sort((a, b) => a.expiresOn - b.expiresOn)
    .map((entry) => ({ entry, expired: entry.expiresOn <= now }))
}

/** `expires on 2027-05-31, in 12 days`. */
export function expiryInWords({ entry, expired }: Expiry, now: number): string {
  const on = formatDay(entry.expiresOn)
  if (expired) return `expired on ${on} and is not secure any more`
  const days = Math.floor((entry.expiresOn - now) / DAY_MS)
  return `expires on ${on}, ${days === 0 ? 'in less than a day' : `in ${days} ${days === 1 ? 'day' : 'days'}`}`
}

import type { Clock } from '../clock.ts'
import { type Config, expiriesOf, expiryInWords } from '../config/index.ts'
import { EMPTY_REGISTER, type SecureDomain, standingOf } from '../mail/secure-domain.ts'
import type { MetricsRegistry } from '../observe/registry.ts'

/** Lines for people before the rest is only counted. */
const MOST_TOLD = 20

/** What operators must hear of the register: entries that have expired, or will within `secureDomains.warn`. `now` in milliseconds since 1970. */
export function registerAlarms({ secureDomains }: Pick<Config, 'secureDomains'>, now: number): string[] {
  if (secureDomains === null) return []
  const found = expiriesOf(secureDomains.entries, now, secureDomains.warnMs)
  const lines = found.slice(0, MOST_TOLD).map((expiry) => {
    const { domain, owner } = expiry.entry
    return `secure domain ${domain} ${expiryInWords(expiry, now)} (owner: ${owner}): review it, or retire it`
  })
  const rest = found.length - lines.length
  if (rest === 0) return lines
  return [...lines, `${rest} more secure domains have expired or expire soon: postern domain list --expiring SPAN`]
}

/** Shows in the metrics how many entries stand how, and which expires next. `config`: what is in force. */
export function watchRegister(
  metrics: MetricsRegistry,
  config: () => Pick<Config, 'secureDomains'>,
  clock: Clock,
): void {
  metrics.beforeReading(() => {
    const { secureDomains } = config()
    const { counts, next } = tallyOf(
      secureDomains?.entries ?? [],
      secureDomains?.register ?? EMPTY_REGISTER,
      clock.now(),
    )
    const standings = Object.entries(counts).map(([standing, count]) => [{ standing }, count] as const)
    metrics.replace('postern_secure_domains', secureDomains === null ? [] : standings)
    const left = next === null ? [] : ([[{ domain: next.domain }, (next.expiresOn - clock.now()) / 1000]] as const)
    metrics.replace('postern_secure_domain_next_expiry_seconds', left)
  })
}

function tallyOf(entries: readonly SecureDomain[], register: Parameters<typeof standingOf>[1], now: number) {
  const counts = { secure: 0, expired: 0, retired: 0 }
  let next: SecureDomain | null = null
  for (const entry of entries) {
    const { is } = standingOf(entry.domain, register, now)
    if (is === 'unknown') continue
    counts[is]++
    if (is === 'secure' && (next === null || entry.expiresOn < next.expiresOn)) next = entry
  }
  return { counts, next }
}

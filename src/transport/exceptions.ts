/** Mail to a domain may go out in clear for a time, although its route requires TLS. */
export interface ClearTextException {
  /** The recipients' domain, lower-case A-labels: itself, nothing below it. */
  readonly domain: string
  readonly reason: string
  readonly approvedBy: string
  /** From this moment on it counts no more, milliseconds since 1970. */
  readonly expires: number
}

const DAY_MS = 86_400_000

export function exceptionFor(
  domain: string,
  exceptions: readonly ClearTextException[],
  now: number,
): ClearTextException | null {
  return exceptions.find((each) => each.domain === domain && each.expires > now) ?? null
}

/** A line for each exception that ends within `warnMs`, or has ended, for `postern status`. */
export function exceptionAlarms(
  exceptions: readonly ClearTextException[],
  now: number,
  warnMs = 30 * DAY_MS,
): string[] {
  return exceptions
    .filter(({ expires }) => expires - now < warnMs)
    .map(({ domain, reason, approvedBy, expires }) => {
      const day = new Date(expires).toISOString().slice(0, 10)
      const left = Math.ceil((expires - now) / DAY_MS)
      const when = expires <= now ? `ended on ${day}` : `ends on ${day}, in ${left === 1 ? '1 day' : `${left} days`}`
      return `clear text to ${domain} ${when} (${reason}; approved by ${approvedBy})`
    })
}

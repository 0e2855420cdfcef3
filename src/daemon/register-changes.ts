import { type Config, missingFrom, weakenings } from '../config/index.ts'
import type { Log } from '../log.ts'
import { EMPTY_REGISTER, type SecureRegister, standingOf } from '../mail/secure-domain.ts'

type Registered = Pick<Config, 'secureDomains'>

const registerIn = ({ secureDomains }: Registered): SecureRegister => secureDomains?.register ?? EMPTY_REGISTER

/** What the log and an answer hold at the most. */
const MOST_TOLD = 20

/**
 * Domains that are secure now and of which the next configuration says nothing any more: no command takes a line
 * out, so a file was cut short, or edited by mistake, and mail would go out unprotected in silence. One line each.
 * `now` in milliseconds since 1970.
 */
export function lostDomains(before: Registered, next: Registered, now: number): string[] {
  const was = registerIn(before)
  const secure = [...was.exact.keys()].filter((domain) => standingOf(domain, was, now).is === 'secure')
  const lost = missingFrom(registerIn(next), secure, now)
  const advice = 'put it back; what shall not be secure any more is retired (postern domain retire)'
  const lines = lost
    .slice(0, MOST_TOLD)
    .map((domain) => `secureDomains: ${domain} is secure now and is not in the register any more: ${advice}`)
  const rest = lost.length - lines.length
  return rest === 0 ? lines : [...lines, `secureDomains: and ${rest} more that are not in the register any more`]
}

/** Leaves in the log which domains a reload protects less than before, whoever confirmed it. */
export function tellOfWeaker(before: Registered, next: Registered, now: number, log: Log): void {
  const was = registerIn(before)
  const weaker = (next.secureDomains?.entries ?? []).flatMap((entry) =>
    weakenings(was, entry, now).map((what) => `${entry.domain}: ${what}`),
  )
  if (weaker.length === 0) return
  const told = weaker.slice(0, MOST_TOLD)
  log.warn({ count: weaker.length, weaker: told }, 'the register of secure domains asks for less than before')
}

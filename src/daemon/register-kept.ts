import { type Config, changedSince, keptFile, keptOf, lostSince, readKept, writeKept } from '../config/index.ts'
import type { Outside } from './rooms.ts'
import { WrongConfig } from './state-places.ts'

/** What the log and an answer hold at the most. */
const MOST_TOLD = 20

const REMEDY =
  'Put it back from the last good copy of the register, and look for what else is gone. Where it shall not be secure any more, let it go: postern domain accept-loss --reason WORDS'

/**
 * Throws WrongConfig where a domain that was secure when the daemon last ran is in the register no more: no command
 * takes a line out, so the file was cut short, and mail would go out unprotected in silence. A state folder where
 * nothing was in force yet, or that comes from a backup, knows of none.
 */
export function refuseCutRegister({ secureDomains, state }: Config, { clock, sink }: Outside): void {
  const read = readKept(state.dir)
  if (read.is === 'none') return
  if (read.is === 'unreadable') throw new WrongConfig(unreadable(keptFile(state.dir), read.why))
  const register = secureDomains?.register ?? null
  const lost = lostSince(read.kept, register, clock.now())
  if (lost.length > 0) throw new WrongConfig(inWords(lost, secureDomains?.file ?? null))
  for (const { by, at, reason, domains } of read.kept.accepted.filter(({ usedAt }) => usedAt === null))
    sink.log.warn(
      { by, at, reason, count: domains.length, domains: domains.slice(0, MOST_TOLD) },
      'secure domains were let go',
    )
  const changed = changedSince(read.kept, register)
  if (changed.length === 0) return
  const told = changed.slice(0, MOST_TOLD)
  sink.log.warn(
    { count: changed.length, domains: told },
    'the register asks for something else than when it last counted',
  )
}

function inWords(lost: readonly string[], file: string | null): string {
  const where = file === null ? 'the configuration names no register any more' : `not in ${file} any more`
  const lines = lost
    .slice(0, MOST_TOLD)
    .map((domain) => `secureDomains: ${domain} was secure when the daemon last ran: ${where}`)
  const rest = lost.length - lines.length
  return [...lines, ...(rest > 0 ? [`secureDomains: and ${rest} more`] : []), REMEDY].join('\n')
}

const unreadable = (file: string, why: string): string =>
  `secureDomains: ${file}, the record of which domains were secure, cannot be read: ${why}\nLook whether the register is whole, then: postern domain accept-loss --reason WORDS`

/** Keeps which domains are secure from now on. A disk that takes nothing keeps what stood there: it refuses rather too much. */
export function keepRegister({ secureDomains, state }: Config, { clock, sink }: Outside): void {
  const before = readKept(state.dir)
  const next = keptOf(secureDomains?.register ?? null, before, clock.now())
  // Nothing to lose, and no file where nobody asked for one
  if (before.is === 'none' && next.secure.length === 0) return
  if (before.is === 'kept' && JSON.stringify(before.kept) === JSON.stringify(next)) return
  try {
    writeKept(state.dir, next)
  } catch (err) {
    sink.log.error({ err, file: keptFile(state.dir) }, 'which domains are secure cannot be kept')
  }
}

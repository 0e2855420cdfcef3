import type { Content } from '../../../mail/content.ts'
import { reply } from '../../../mail/reply.ts'
import { CONTINUE, type Verdict } from '../../../mail/verdict.ts'
import type { Plugin } from '../../plugin.ts'
import { failureOf, type ScannerFailure } from '../../scanners/failure.ts'
import type { Seams } from '../../scanners/host.ts'
import { Hosts } from '../../scanners/hosts.ts'
import { Clamd } from './clamd.ts'
import type { VirusOptions } from './options.ts'
import type { ScanResult } from './reply.ts'

const NAME = 'virus'
/** Less than clamd's own IdleTimeout, 30 s by default. */
const IDLE_MS = 10_000

/** Hands every message to clamd, as it would be delivered. What no clamd called clean does not pass. */
export function virusPlugin(options: VirusOptions, seams: Seams): readonly Plugin[] {
  const { connectTimeoutMs } = options
  const scanners = options.clamd.map((each) => new Clamd(each, { connectTimeoutMs, idleMs: IDLE_MS }, seams.clock))
  const hosts = new Hosts<Content, ScanResult>('clamd', scanners, options, seams)
  const inspector: Plugin = {
    name: NAME,
    health: () => hosts.health(),
    close: async () => hosts.close(),
    async data({ content, signal, session }) {
      try {
        const result = await hosts.scan(content, signal)
        count(seams, result.clean ? 'clean' : 'infected')
        return result.clean ? CONTINUE : { verdict: infected(options, result.virus), facts: { virus: result.virus } }
      } catch (error) {
        const failure = failureOf(error, 'broken')
        count(seams, failure.kind === 'limit' ? 'over-limits' : 'unavailable')
        const line = { plugin: NAME, session: session.id, kind: failure.kind, cause: failure.message }
        seams.log.warn(line, 'a message was not scanned for viruses')
        return notScanned(options, failure)
      }
    },
  }
  return [inspector]
}

const count = ({ metrics }: Seams, result: string): void =>
  metrics.count('postern_scan_total', { scanner: 'clamd', result })

function infected({ action, tellName }: VirusOptions, virus: string): Verdict {
  const reason = `virus ${virus}`
  if (action === 'hold') return { action, reason }
  const named = tellName ? ` (${virus})` : ''
  return { action: 'reject', reason, reply: reply(554, '5.7.1', `The message holds a virus${named}`) }
}

/** Never `continue`. */
function notScanned({ unavailable, overLimits }: VirusOptions, { kind, message }: ScannerFailure): Verdict {
  const reason = `not scanned for viruses: ${message}`.slice(0, 400)
  const action = kind === 'limit' ? overLimits : unavailable
  if (action === 'hold') return { action, reason }
  if (action === 'reject') return { action, reason, reply: TOO_LARGE }
  return { action, reason, reply: LATER }
}

const LATER = reply(451, '4.7.1', 'The message could not be scanned for viruses just now; try again later')
const TOO_LARGE = reply(554, '5.7.1', 'The message cannot be scanned for viruses: it is too large or too deep')

import type { Content } from '../../../mail/content.ts'
import { reply } from '../../../mail/reply.ts'
import { CONTINUE, type Verdict } from '../../../mail/verdict.ts'
import { MARK, mark } from '../../mode.ts'
import type { Answer, Inspector, MessageView, Modification, Modifier, Plugin } from '../../plugin.ts'
import { failureOf, type ScannerFailure } from '../../scanners/failure.ts'
import type { Seams } from '../../scanners/host.ts'
import { Hosts } from '../../scanners/hosts.ts'
import { partsApart } from './apart.ts'
import { Clamd } from './clamd.ts'
import { tidy } from './notice.ts'
import type { VirusOptions } from './options.ts'
import { removeInfected } from './removal.ts'
import type { ScanResult } from './reply.ts'
import type { Sample } from './sample.ts'

const NAME = 'virus'

type Scan = (content: Content, signal: AbortSignal) => Promise<ScanResult>

/** Hands every message to clamd, as it would be delivered. What no clamd called clean does not pass. */
export function virusPlugin(options: VirusOptions, seams: Seams): readonly Plugin[] {
  const { connectTimeoutMs, idleMs } = options
  const scanners = options.clamd.map((each) => new Clamd(each, { connectTimeoutMs, idleMs }, seams.clock))
  const hosts = new Hosts<Sample, ScanResult>('clamd', scanners, options, seams)
  const scan: Scan = async (content, signal) => {
    const whole = await hosts.scan({ content, isMail: true }, signal)
    if (!whole.clean) return whole
    for (const part of await partsApart(content)) {
      const result = await hosts.scan(part, signal)
      if (!result.clean) return result
    }
    return whole
  }
  const plugins = options.action === 'remove' ? [remover(scan)] : []
  return [inspector(options, hosts, scan, seams), ...plugins]
}

function inspector(options: VirusOptions, hosts: Hosts<Sample, ScanResult>, scan: Scan, seams: Seams): Inspector {
  return {
    name: NAME,
    rescan: true,
    health: () => hosts.health(),
    close: async () => hosts.close(),
    async data(message) {
      try {
        const result = await scan(message.content, message.signal)
        count(seams, result.clean ? 'clean' : 'infected')
        return result.clean ? CONTINUE : await infected(options, message, result.virus, scan)
      } catch (error) {
        const failure = failureOf(error, 'broken')
        count(seams, failure.kind === 'limit' ? 'over-limits' : 'unavailable')
        const line = { plugin: NAME, session: message.session.id, kind: failure.kind, cause: failure.message }
        seams.log.warn(line, 'a message was not scanned for viruses')
        return notScanned(options, failure)
      }
    },
  }
}

const count = ({ metrics }: Seams, result: string): void =>
  metrics.count('postern_scan_total', { scanner: 'clamd', result })

async function infected(options: VirusOptions, message: MessageView, virus: string, scan: Scan): Promise<Answer> {
  const reason = `virus ${virus}`
  if (options.action === 'hold') return { verdict: { action: 'hold', reason }, facts: { virus } }
  if (options.action === 'remove') {
    const { content, signal } = message
    const removal = await removeInfected(content, (part) => scan(part, signal))
    if (removal !== null) return removable(reason, { virus, removed: removal.names })
  }
  const named = options.tellName ? ` (${virus})` : ''
  const refusal = reply(554, '5.7.1', `The message holds a virus${named}`)
  return { verdict: { action: 'reject', reason, reply: refusal }, facts: { virus } }
}

/** The remover below does it, which comes in the same phase. In mode `tag` it may not, and the mark stays. */
const removable = (reason: string, facts: { virus: string; removed: readonly (string | null)[] }): Answer => ({
  verdict: { action: 'tag', reason, fields: [mark(NAME, 'remove', reason)] },
  facts,
})

/** Does what the inspector found possible. Throws where it is not any more, which defers the message. */
function remover(scan: Scan): Modifier {
  return {
    name: 'virus-remove',
    phase: 'inspect',
    async modify({ content, results, signal }): Promise<readonly Modification[]> {
      if (!results.some(({ plugin, facts }) => plugin === NAME && facts?.removed !== undefined)) return []
      const removal = await removeInfected(content, (part) => scan(part, signal))
      if (removal === null) throw new Error('the virus cannot be removed from what the message has become')
      const names = removal.names.map((name) => `"${tidy(name ?? '').replace(/["\\]/g, '?')}"`).join(', ')
      return [
        { do: 'replaceContent', content: removal.content },
        { do: 'removeHeader', name: MARK, matches: (value) => value.trimStart().startsWith(`${NAME};`) },
        { do: 'addHeader', name: MARK, value: `${NAME}; removed=${names}` },
      ]
    },
  }
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

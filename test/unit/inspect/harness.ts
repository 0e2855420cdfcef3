import { type Clock, systemClock } from '../../../src/clock.ts'
import { type Chain, createChain } from '../../../src/inspect/chain.ts'
import type { ContentLimits } from '../../../src/inspect/content.ts'
import type { ChainMessage } from '../../../src/inspect/message.ts'
import { type ContentOutcome, NOTHING } from '../../../src/inspect/outcome.ts'
import type { Mode, Plugin, SessionView } from '../../../src/inspect/plugin.ts'
import type { RunContext } from '../../../src/inspect/run.ts'
import { compileWhen, type When } from '../../../src/inspect/when.ts'
import { memoryContent, readAll } from '../../../src/mail/content.ts'
import { parseHeader } from '../../../src/mail/header.ts'
import { noMetrics } from '../../../src/metrics.ts'

export const LIMITS: ContentLimits = { bytes: 65_536, fields: 1000, content: 100_000 }

export const SESSION: SessionView = {
  id: 's1',
  remoteAddress: '192.0.2.7',
  remoteName: null,
  helo: 'client.test',
  tls: null,
  client: null,
  user: null,
}

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly [key: string]: unknown
}

export interface Kept extends RunContext {
  readonly lines: LogLine[]
  /** Counters and observations, by name and labels. */
  readonly counts: Map<string, number>
}

/** A log and metrics that keep what they are told. */
export function kept(clock: Clock = systemClock): Kept {
  const lines: LogLine[] = []
  const counts = new Map<string, number>()
  const keep = (level: string) => (fields: object, message: string) => void lines.push({ ...fields, level, message })
  const log = { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') }
  const metrics = {
    ...noMetrics,
    count: (name: string, labels: Readonly<Record<string, string>> = {}) => {
      const key = [name, ...Object.values(labels)].join(' ')
      counts.set(key, (counts.get(key) ?? 0) + 1)
    },
  }
  return { clock, log, metrics, lines, counts }
}

export interface Placed {
  readonly plugin: Plugin
  readonly mode?: Mode
  readonly deadlineMs?: number
  readonly when?: When
}

/** A chain of plugins in `enforce` mode, or as said. */
export function chainOf(plugins: readonly (Plugin | Placed)[], context: RunContext = kept()): Chain {
  const links = plugins.map((each) => {
    const placed: Placed = 'plugin' in each ? each : { plugin: each }
    const { plugin, mode = 'enforce' as const, deadlineMs = 10_000 } = placed
    return { plugin, mode, deadlineMs, when: compileWhen(placed.when) }
  })
  return createChain(links, LIMITS, context)
}

export const MESSAGE = 'From: a@client.test\r\nSubject: results\r\nX-Old: 1\r\nx-old: 2\r\n\r\nThe results.\r\n'

/** A message as accept hands it to the chain. */
export function chainMessage(text = MESSAGE, prefix = '', changes: Partial<ChainMessage> = {}): ChainMessage {
  const bytes = Buffer.from(text)
  const headerEnd = text.indexOf('\r\n\r\n') + 2
  return {
    session: SESSION,
    mailFrom: { local: 'a', domain: 'client.test' },
    rcptTo: [],
    direction: 'inbound',
    envelope: {
      mailFrom: { local: 'a', domain: 'client.test' },
      rcptTo: [],
      envid: null,
      ret: null,
      smtputf8: false,
      body: '7bit',
      requireTls: false,
    },
    prefix: Buffer.from(prefix),
    content: memoryContent(bytes),
    header: parseHeader(bytes.subarray(0, headerEnd)),
    earlier: NOTHING,
    ...changes,
  }
}

/** What the message is after the chain. */
export async function textOf({ prefix, content }: ContentOutcome): Promise<string> {
  return `${prefix}${await readAll(content, 10_000_000)}`
}

export const never = new AbortController().signal

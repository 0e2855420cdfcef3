import { type Clock, systemClock } from '../clock.ts'
import { type Log, silentLog } from '../log.ts'
import { type Address, parseAddress } from '../mail/address.ts'
import { memoryContent, readAll } from '../mail/content.ts'
import type { Recipient } from '../mail/envelope.ts'
import { HEADER_LIMITS, HeaderReader } from '../mail/header.ts'
import { replyText } from '../mail/reply.ts'
import type { VerdictAction } from '../mail/verdict.ts'
import { noMetrics } from '../metrics.ts'
import { type Chain, createChain } from './chain.ts'
import type { ChainMessage } from './message.ts'
import { merge, type Outcome, type PluginResult } from './outcome.ts'
import type { Direction, Mode, Plugin, SessionView } from './plugin.ts'

/** What a plugin is tried with. Everything may be left out; addresses are `local@domain`. */
export interface Trial {
  /** Header and body, line ends CRLF; LF alone is taken as such. Default: a short message. */
  readonly message?: string | Buffer
  /** Empty for the null reverse-path. Default `sender@example.org`. */
  readonly from?: string
  /** Default `recipient@example.net`. */
  readonly to?: readonly string[]
  readonly direction?: Direction
  readonly session?: Partial<SessionView>
  /** Default `enforce`. */
  readonly mode?: Mode
  /** Milliseconds for each call. Default 5000. */
  readonly deadlineMs?: number
  readonly clock?: Clock
  readonly log?: Log
}

/** What would become of the message. */
export interface TrialResult {
  readonly action: VerdictAction
  readonly reason: string | null
  /** What the client would be told, on one line; null where it is not refused. */
  readonly reply: string | null
  /** The message as it would go on, with header fields that were added. Without our Received field. */
  readonly message: Buffer
  /** What stands in the trace. */
  readonly results: readonly PluginResult[]
}

const MESSAGE = 'From: sender@example.org\r\nTo: recipient@example.net\r\nSubject: trial\r\n\r\nHello\r\n'
const LARGEST = 256 * 1024 * 1024

/**
 * Tries a plugin as the relay would use it: through the real chain, with its deadline, its mode and
 * its checks of what the plugin answers. For the tests of an operator's own plugins. Throws
 * TypeError for a trial that is none, such as an address that cannot be read.
 */
export async function tryPlugin(plugin: Plugin, trial: Trial = {}): Promise<TrialResult> {
  const { mode = 'enforce', deadlineMs = 5000, clock = systemClock, log = silentLog } = trial
  const limits = { ...HEADER_LIMITS, content: LARGEST }
  const chain = createChain([{ plugin, mode, deadlineMs }], limits, { clock, log, metrics: noMetrics })
  const message = messageOf(trial)
  const earlier = await before(chain, message)
  const outcome = await chain.data({ ...message, earlier }, new AbortController().signal)
  const { verdict, prefix, content, results } = outcome
  return {
    action: verdict.action,
    reason: verdict.action === 'continue' ? null : verdict.reason,
    reply: 'reply' in verdict ? replyText(verdict.reply) : null,
    message: Buffer.concat([prefix, await readAll(content, 2 * LARGEST)]),
    results,
  }
}

/** What is said before the content comes. */
async function before(chain: Chain, { session, mailFrom, rcptTo, direction }: ChainMessage): Promise<Outcome> {
  const said = [await chain.connect(session), await chain.mail(session, mailFrom)]
  for (const [i, to] of rcptTo.entries()) {
    said.push(await chain.rcpt({ session, mailFrom, rcptTo: rcptTo.slice(0, i), direction }, to))
  }
  return merge(said)
}

function messageOf({ message = MESSAGE, from = 'sender@example.org', to, direction, session }: Trial): ChainMessage {
  const bytes = typeof message === 'string' ? Buffer.from(message.replace(/\r?\n/g, '\r\n')) : message
  const mailFrom = from === '' ? null : addressOf(from)
  const rcptTo = (to ?? ['recipient@example.net']).map(recipientOf)
  const reader = new HeaderReader(HEADER_LIMITS)
  reader.push(bytes)
  return {
    session: { ...SESSION, ...session },
    mailFrom,
    rcptTo,
    direction: direction ?? 'inbound',
    envelope: { mailFrom, rcptTo, envid: null, ret: null, smtputf8: true, body: '8bitmime', requireTls: false },
    prefix: Buffer.alloc(0),
    content: memoryContent(bytes),
    header: reader.header(),
    earlier: merge([]),
  }
}

const SESSION: SessionView = {
  id: 'trial',
  remoteAddress: '192.0.2.1',
  remoteName: null,
  helo: 'client.example.org',
  tls: null,
  client: null,
  user: null,
}

const recipientOf = (text: string): Recipient => ({ address: addressOf(text), notify: null, orcpt: null })

function addressOf(text: string): Address {
  const address = parseAddress(text, { utf8: true })
  if (address === null) throw new TypeError(`${JSON.stringify(text)} is no address`)
  return address
}

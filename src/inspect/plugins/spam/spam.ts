import { reply } from '../../../mail/reply.ts'
import { CONTINUE, type Verdict } from '../../../mail/verdict.ts'
import type { HeaderPair } from '../../outcome.ts'
import type { Inspector, MessageView, Plugin } from '../../plugin.ts'
import { failureOf, type ScannerFailure } from '../../scanners/failure.ts'
import type { Scanner, Seams } from '../../scanners/host.ts'
import { Hosts } from '../../scanners/hosts.ts'
import { FLAG, notScannedField, OWN_FIELDS, opinionFields } from './fields.ts'
import type { Opinion } from './opinion.ts'
import type { SpamOptions } from './options.ts'
import { Rspamd } from './rspamd.ts'
import { Spamd } from './spamd.ts'
import { subjectPlugin } from './subject.ts'

const NAME = 'spam'

/** Asks Rspamd or SpamAssassin about every message, and acts on its score. */
export function spamPlugins(options: SpamOptions, seams: Seams): readonly Plugin[] {
  const { subject, tag } = options
  return [inspector(options, seams), ...(subject === null ? [] : [subjectPlugin(subject, tag)])]
}

function inspector(options: SpamOptions, seams: Seams): Inspector {
  const { kind } = options.hosts
  const hosts = new Hosts<MessageView, Opinion>(kind, scanners(options, seams), options, seams)
  const count = (result: string) => seams.metrics.count('postern_scan_total', { scanner: kind, result })
  return {
    name: NAME,
    ownFields: OWN_FIELDS,
    health: () => hosts.health(),
    close: async () => hosts.close(),
    async data(message) {
      if (message.content.size > options.largest) return tooLarge(options, count)
      try {
        const opinion = await hosts.scan(message, message.signal)
        const verdict = judge(options, opinion)
        count(verdict.action === 'continue' ? 'clean' : verdict.action)
        return { verdict, add: fieldsOf(options, opinion), facts: factsOf(opinion) }
      } catch (error) {
        const failure = failureOf(error, 'broken')
        count('unavailable')
        const line = { plugin: NAME, session: message.session.id, kind: failure.kind, cause: failure.message }
        seams.log.warn(line, 'a message was not scanned for spam')
        return notScanned(options, failure)
      }
    },
  }
}

function scanners(
  { hosts, connectTimeoutMs, idleMs }: SpamOptions,
  { clock }: Seams,
): readonly Scanner<MessageView, Opinion>[] {
  if (hosts.kind === 'spamd') return hosts.addresses.map((each) => new Spamd(each, { connectTimeoutMs }, clock))
  return hosts.urls.map((url) => new Rspamd(url, { password: hosts.password, connectTimeoutMs, idleMs }))
}

/** The worst that the score, or the scanner besides it, asks for. */
export function judge({ tag, hold, reject, greylist }: SpamOptions, { score, wants }: Opinion): Verdict {
  const reason = `spam score ${score.toFixed(2)}`
  const over = (limit: number | null) => limit !== null && score >= limit
  if (over(reject)) return { action: 'reject', reason, reply: SPAM }
  if (wants === 'defer') return { action: 'defer', reason: 'the scanner asks to defer it', reply: LATER }
  if (wants === 'greylist' && greylist === 'defer') return { action: 'defer', reason: 'greylisted', reply: LATER }
  if (over(hold)) return { action: 'hold', reason }
  if (wants === 'hold') return { action: 'hold', reason: `${reason}; the scanner asks to keep it` }
  return over(tag) ? { action: 'tag', reason, fields: [FLAG] } : CONTINUE
}

const SPAM = reply(554, '5.7.1', 'The message looks like spam')
const LATER = reply(451, '4.7.1', 'The message cannot be taken just now; try again later')
const UNSCANNED = reply(451, '4.7.1', 'The message could not be checked just now; try again later')

function notScanned({ unavailable }: SpamOptions, { message }: ScannerFailure): Verdict {
  const reason = `not scanned for spam: ${message}`.slice(0, 400)
  if (unavailable === 'hold') return { action: 'hold', reason }
  if (unavailable === 'defer') return { action: 'defer', reason, reply: UNSCANNED }
  return { action: 'tag', reason, fields: [notScannedField('the scanner did not answer')] }
}

function tooLarge({ largest }: SpamOptions, count: (result: string) => void): Verdict {
  count('too-large')
  const reason = `not scanned for spam: larger than ${largest} bytes`
  return { action: 'tag', reason, fields: [notScannedField('the message is too large')] }
}

/** Score and symbols, whatever the verdict: mail that is held or clean has them too. */
function fieldsOf({ header, tag }: SpamOptions, opinion: Opinion): readonly HeaderPair[] {
  const wanted = header === 'always' || (header === 'tagged' && tag !== null && opinion.score >= tag)
  return wanted ? opinionFields(opinion, tag) : []
}

const MAX_TRACED = 20

const factsOf = ({ score, symbols }: Opinion) => ({
  score,
  symbols: symbols.slice(0, MAX_TRACED).map(({ name }) => name),
})

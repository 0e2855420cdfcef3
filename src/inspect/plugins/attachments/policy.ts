import { type Reply, reply } from '../../../mail/reply.ts'
import { CONTINUE, type Verdict, worst } from '../../../mail/verdict.ts'
import { mark } from '../../mode.ts'
import { CHECKS, type Check, type Findings, type Found } from './findings.ts'

export const NAME = 'attachments'

export const ACTIONS = ['off', 'tag', 'hold', 'reject'] as const
export type Action = (typeof ACTIONS)[number]

export interface Policy {
  readonly actions: Readonly<Record<Check, Action>>
  /** What refusals say besides; null for nothing. */
  readonly advice: string | null
}

/** The worst of what is to be done about all findings; of equals the first in the order of CHECKS. */
export function verdictOn({ actions, advice }: Policy, findings: Findings, excepted: ReadonlySet<Check>): Verdict {
  const counted = CHECKS.filter((check) => !excepted.has(check) && findings.counts[check] > 0)
  return worst(counted.map((check) => verdictFor(check, actions[check], findings, advice)))
}

function verdictFor(check: Check, action: Action, findings: Findings, advice: string | null): Verdict {
  const found = findings.found.find((each) => each.check === check)
  if (action === 'off' || found === undefined) return CONTINUE
  const reason = shortReason(found)
  if (action === 'hold') return { action, reason }
  if (action === 'tag') return { action, reason, fields: [mark(NAME, action, reason)] }
  return { action, reason, reply: refusal(found, findings.counts[check], advice) }
}

/** For logs and marks: without names of files, which may be those of patients. */
const shortReason = ({ check, format, why }: Found): string => `${WORDS[check]}: ${format}, ${why}`.slice(0, 300)

const WORDS: Readonly<Record<Check, string>> = {
  encrypted: 'an encrypted attachment',
  blocked: 'an attachment of a kind that may not pass',
  suspicious: 'an attachment that cannot be read to its end',
  ambiguous: 'a structure that programs read differently',
  readable: 'an attachment that is encrypted, though it opens without a password',
  unread: 'an attachment packed in a way that is not read here',
}

/** RFC 3463: policy (7.1), or what is wrong with the content itself (6.0). */
const CODES: Readonly<Record<Check, readonly [number, string]>> = {
  encrypted: [550, '5.7.1'],
  blocked: [550, '5.7.1'],
  readable: [550, '5.7.1'],
  unread: [550, '5.7.1'],
  suspicious: [554, '5.6.0'],
  ambiguous: [554, '5.6.0'],
}

function refusal({ check, reason }: Found, count: number, advice: string | null): Reply {
  const [code, enhanced] = CODES[check]
  const more = check !== 'ambiguous' && count > 1 ? [`The message has ${count - 1} more of this kind.`] : []
  const text = [reason, ...more, ...(advice === null ? [] : [advice])]
  return reply(code, enhanced, ...text.flatMap(wrapped))
}

/** Of the 512 octets of a reply's line (RFC 5321 section 4.5.3.1.5), less what others put around it. */
const LINE = 400

/** Lines of words; a word that is too long is cut. */
export function wrapped(text: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ').flatMap(cut)) {
    if (line !== '' && line.length + 1 + word.length > LINE) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

const cut = (word: string): string[] => (word.length <= LINE ? [word] : (word.match(/.{1,400}/gs) ?? []))

import { fieldsNamed, type Header, readHeader } from '../../../mail/header.ts'
import { CONTINUE, type Verdict, worst } from '../../../mail/verdict.ts'
import { type Action, act, type Finding } from '../../action.ts'
import type { Inspector, MessageView } from '../../plugin.ts'
import type { HeadersOptions } from './options.ts'

const NAME = 'headers'

/** Checks that the header is one that every program reads alike (RFC 5322 sections 2.1.1 and 3.6). */
export function headersPlugin(options: HeadersOptions): Inspector {
  const limits = { bytes: options.maxBytes, fields: options.maxFields }
  return {
    name: NAME,
    async data(message) {
      const header = await readHeader(message.content, limits)
      return worst(CHECKS.map((check) => judge(check, options, header, message)))
    },
  }
}

type Check = (options: HeadersOptions, header: Header, message: MessageView) => [Action, Finding] | null

function judge(check: Check, options: HeadersOptions, header: Header, message: MessageView): Verdict {
  const found = check(options, header, message)
  if (found === null) return CONTINUE
  const [action, finding] = found
  return action === 'off' ? CONTINUE : act(NAME, action, finding)
}

const finding = (reason: string, text: string): Finding => ({ reason, enhanced: '5.6.0', text })

const large: Check = ({ large, maxBytes, maxFields }, header) =>
  header.tooLarge
    ? [large, finding(`header over ${maxBytes} bytes or ${maxFields} fields`, 'The header of the message is too large')]
    : null

const malformed: Check = ({ malformed }, header) =>
  header.headless || header.malformed > 0
    ? [malformed, finding('a line of the header is no field', 'The message has no valid header')]
    : null

const from: Check = ({ from }, header) => {
  const count = fieldsNamed(header, 'From').length
  // what is too large was not read to its end
  if (count === 1 || header.tooLarge) return null
  return [from, finding(`${count} From fields`, 'The message must have exactly one From field')]
}

/** RFC 5322 section 3.6, and RFC 2045 for MIME's own. */
const SINGLE: ReadonlySet<string> = new Set([
  'date',
  'sender',
  'reply-to',
  'to',
  'cc',
  'bcc',
  'message-id',
  'in-reply-to',
  'references',
  'subject',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
  'content-disposition',
])

const repeated: Check = ({ repeated }, header) => {
  const seen = new Set<string>()
  for (const { name } of header.fields) {
    const key = name.toLowerCase()
    if (!SINGLE.has(key)) continue
    if (seen.has(key)) return [repeated, finding(`two ${name} fields`, `The message has two ${name} fields`)]
    seen.add(key)
  }
  return null
}

const eightBit: Check = ({ eightBit }, { bytes }, { envelope }) =>
  !envelope.smtputf8 && bytes.some((byte) => byte > 127)
    ? [eightBit, finding('bytes above 127 in the header', 'The header of the message is not ASCII; encode it')]
    : null

const longLines: Check = ({ longLines, maxLine }, { bytes }) => {
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf('\r\n', start)
    if ((end < 0 ? bytes.length : end) - start > maxLine) {
      return [longLines, finding(`a header line over ${maxLine} octets`, `A header line has over ${maxLine} octets`)]
    }
    if (end < 0) break
    start = end + 2
  }
  return null
}

const CHECKS: readonly Check[] = [large, malformed, from, repeated, eightBit, longLines]

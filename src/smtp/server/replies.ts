import { type Reply, reply } from '../../mail/reply.ts'
import type { ContentFault } from './content.ts'
import type { HandlerReply } from './contract.ts'

/** A reply of the wire's own, told apart from the handler's so that the handler can count it. */
export type WireReply = HandlerReply & {
  readonly own?: true
  readonly uncounted?: true
  readonly end?: 'quit' | 'timeout' | 'shutdown'
}

const own = (code: number, enhanced: string | null, text: string): WireReply => ({
  ...reply(code, enhanced, text),
  own: true,
})
const last = (code: number, enhanced: string | null, text: string): WireReply => ({
  ...own(code, enhanced, text),
  close: true,
})

export const OK = reply(250, '2.0.0', 'OK')
export const BYE: WireReply = { ...reply(221, '2.0.0', 'Bye'), close: true, end: 'quit' }
export const HELP = reply(214, '2.0.0', 'See RFC 5321')
export const CANNOT_VERIFY = reply(252, '2.5.0', 'Cannot verify; send the message and see')
export const START_MAIL = reply(354, null, 'End data with <CR><LF>.<CR><LF>')
export const READY_FOR_TLS = reply(220, '2.0.0', 'Ready to start TLS')

export const NOT_KNOWN = own(500, '5.5.1', 'Command not known')
export const NOT_DONE_HERE = own(502, '5.5.1', 'Command not implemented')
export const BAD_CHARACTERS = own(500, '5.5.2', 'Control characters or invalid UTF-8 in the command')
export const BARE_LF_COMMAND = own(500, '5.5.2', 'Commands must end with CRLF')
export const LINE_TOO_LONG = last(500, '5.5.2', 'Command line too long')
export const NO_ARGUMENTS = own(501, '5.5.4', 'This command takes no arguments')

export const HELLO_FIRST = own(503, '5.5.1', 'Say HELO or EHLO first')
export const BAD_HELLO_NAME = own(501, '5.5.4', 'A domain name or an address literal is needed')
export const MAIL_FIRST = own(503, '5.5.1', 'MAIL first')
export const NESTED_MAIL = own(503, '5.5.1', 'A transaction is under way already')
export const NO_RECIPIENTS = own(554, '5.5.1', 'No valid recipients')

export const MAIL_SYNTAX = own(501, '5.5.4', 'Syntax: MAIL FROM:<address> [parameters]')
export const RCPT_SYNTAX = own(501, '5.5.4', 'Syntax: RCPT TO:<address> [parameters]')
export const BAD_SENDER = own(501, '5.1.7', 'Bad sender address')
export const BAD_RECIPIENT = own(501, '5.1.3', 'Bad recipient address')
// RFC 6531 section 3.5
export const NEEDS_SMTPUTF8 = own(553, '5.6.7', 'The address needs SMTPUTF8')
export const TOO_BIG = own(552, '5.3.4', 'Message too big')
// RFC 8689 section 4.1
export const REQUIRETLS_NEEDS_TLS = own(530, '5.7.10', 'REQUIRETLS needs a session with TLS')
export const TOO_MANY_RECIPIENTS = own(452, '4.5.3', 'Too many recipients in one transaction')

export const badParameter = (name: string): WireReply => own(501, '5.5.4', `Bad value of ${name}`)
export const repeatedParameter = (name: string): WireReply => own(501, '5.5.4', `${name} given twice`)
export const unknownParameter = (name: string): WireReply => own(555, '5.5.4', `Parameter ${name} not known`)

export const NO_TLS_HERE = own(502, '5.5.1', 'TLS is not offered')
export const IN_TLS_ALREADY = own(503, '5.5.1', 'TLS is in use already')
export const TRAILING_BYTES = last(554, '5.5.0', 'Bytes followed a command whose reply must be awaited')

export const AUTH_NOT_HERE = own(502, '5.5.1', 'AUTH is not offered')
// RFC 4954 section 6
export const AUTH_NEEDS_TLS = own(538, '5.7.11', 'Start TLS before signing in')
export const AUTH_NOT_NOW = own(503, '5.5.1', 'AUTH is not possible now')
export const AUTH_MECHANISM = own(504, '5.5.4', 'Mechanism not offered')
export const AUTH_CANCELLED = own(501, '5.7.0', 'Cancelled')
export const AUTH_MALFORMED = own(501, '5.5.2', 'Malformed response')

/** RFC 5321 section 4.2: the greeting names the server first. */
export const greeting = ({ hostname, banner }: { hostname: string; banner?: string }): Reply =>
  reply(220, null, `${hostname} ${banner ?? 'ESMTP Postern'}`)
export const TALKED_EARLY = last(554, '5.5.0', 'You must wait for the greeting')
export const NOT_SMTP = last(421, '4.7.0', 'This is a mail server')
export const TOO_MANY_ERRORS = last(421, '4.7.0', 'Too many errors')
export const TOO_MANY_USELESS = last(421, '4.7.0', 'Too many commands without mail')
export const IDLE: WireReply = { ...last(421, '4.4.2', 'Idle for too long'), end: 'timeout' }
export const DATA_TOO_SLOW: WireReply = { ...last(421, '4.4.2', 'The message took too long'), end: 'timeout' }
export const SESSION_TOO_LONG: WireReply = { ...last(421, '4.4.2', 'The session took too long'), end: 'timeout' }
export const SHUTTING_DOWN: WireReply = { ...last(421, '4.3.2', 'Shutting down'), end: 'shutdown' }
/** An unknown failure is temporary. */
export const FAILED = own(451, '4.3.0', 'Local error, try again later')

const FAULTS: Readonly<Record<ContentFault, WireReply>> = {
  bareLf: own(550, '5.6.11', 'Bare line feeds are not accepted, lines must end with CRLF'),
  bareCr: own(550, '5.6.11', 'Bare carriage returns are not accepted, lines must end with CRLF'),
  bareDot: own(550, '5.6.11', 'A line with only a dot must end with CRLF, and so must the line before it'),
  nul: own(550, '5.6.0', 'NUL characters are not accepted'),
}

export const faultReply = (fault: ContentFault): WireReply => FAULTS[fault]

const UNSENDABLE = /[^\x20-\x7e]/g

/**
 * The bytes of a reply, CRLF included. Only printable ASCII gets out, whatever the handler made:
 * no text can split a reply, and no client needs SMTPUTF8 to read one (RFC 6531 section 3.7.4.2).
 */
export function wireText({ code, enhanced, lines }: Reply): string {
  const prefix = enhanced === null ? '' : `${enhanced} `
  const only = lines[0]
  if (lines.length === 1 && only !== undefined) return `${code} ${prefix}${clean(only)}\r\n`
  const end = lines.length - 1
  return lines.map((line, i) => `${code}${i < end ? '-' : ' '}${prefix}${clean(line)}\r\n`).join('') || `${code} \r\n`
}

const clean = (line: string): string => line.replace(UNSENDABLE, '?')

import { auth } from './auth.ts'
import type { Command, Exchange } from './exchange.ts'
import { ehlo, helo } from './hello.ts'
import {
  BYE,
  CANNOT_VERIFY,
  HELP,
  IN_TLS_ALREADY,
  NO_ARGUMENTS,
  NO_TLS_HERE,
  NOT_DONE_HERE,
  NOT_KNOWN,
  OK,
  READY_FOR_TLS,
  TRAILING_BYTES,
} from './replies.ts'
import { data, mail, rcpt } from './transaction.ts'

interface Known {
  readonly run: Command
  /** Whether it leads to mail; others are counted against `uselessCommands`. */
  readonly useful: boolean
}

const useful = (run: Command): Known => ({ run, useful: true })
const useless = (run: Command): Known => ({ run, useful: false })

const COMMANDS: ReadonlyMap<string, Known> = new Map([
  ['HELO', useless(helo)],
  ['EHLO', useless(ehlo)],
  ['MAIL', useful(mail)],
  ['RCPT', useful(rcpt)],
  ['DATA', useful(data)],
  ['STARTTLS', useful(startTls)],
  ['AUTH', useful(auth)],
  ['RSET', useless(rset)],
  ['QUIT', useful((_, args) => (args === '' ? BYE : NO_ARGUMENTS))],
  ['NOOP', useless(() => OK)],
  ['HELP', useless(() => HELP)],
  // RFC 5321 section 7.3: VRFY and EXPN tell strangers who is there
  ['VRFY', useless(() => CANNOT_VERIFY)],
  ['EXPN', useless(() => NOT_DONE_HERE)],
])

const UNKNOWN = useless(() => NOT_KNOWN)

/** The command of that name, in upper case. */
export const findCommand = (verb: string): Known => COMMANDS.get(verb) ?? UNKNOWN

function rset(x: Exchange, args: string) {
  if (args !== '') return NO_ARGUMENTS
  x.resetTransaction()
  return OK
}

// RFC 3207. What came with the command was sent in clear, perhaps by somebody in between
function startTls(x: Exchange, args: string) {
  if (x.options.tls.mode === 'none') return NO_TLS_HERE
  if (x.session.tls !== null) return IN_TLS_ALREADY
  if (args !== '') return NO_ARGUMENTS
  if (x.pipelined) return TRAILING_BYTES
  x.startTls()
  return READY_FOR_TLS
}

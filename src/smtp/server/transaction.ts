import { isPositive } from '../../mail/reply.ts'
import type { DataSink, HandlerReply, Later } from './contract.ts'
import type { Exchange } from './exchange.ts'
import { whenDone } from './later.ts'
import { parseMail } from './mail-command.ts'
import { parseRcpt } from './rcpt-command.ts'
import {
  HELLO_FIRST,
  MAIL_FIRST,
  NESTED_MAIL,
  NO_ARGUMENTS,
  NO_RECIPIENTS,
  START_MAIL,
  TOO_MANY_RECIPIENTS,
  TRAILING_BYTES,
  type WireReply,
} from './replies.ts'
import { OpenTransaction } from './session.ts'

export function mail(x: Exchange, args: string): Later<HandlerReply> {
  const { session, limits } = x
  if (session.helo === null) return HELLO_FIRST
  if (x.transaction !== null) return NESTED_MAIL
  const command = parseMail(args, { limits, inTls: session.tls !== null, extended: session.extended || limits.lenient })
  if ('code' in command) return command
  return whenDone(x.handler.mail(session, command), (answer) => {
    if (isPositive(answer)) x.openTransaction(new OpenTransaction(command))
    return answer
  })
}

export function rcpt(x: Exchange, args: string): Later<HandlerReply> {
  const { session, limits, transaction, options } = x
  if (transaction === null) return session.helo === null ? HELLO_FIRST : MAIL_FIRST
  const { smtputf8 } = transaction.mail
  const { hostname } = options
  const to = parseRcpt(args, {
    hostname,
    smtputf8,
    lenient: limits.lenient,
    extended: session.extended || limits.lenient,
  })
  if ('code' in to) return to
  if (transaction.rcptTo.length >= limits.recipients) return tooMany(transaction, limits.recipients)
  return whenDone(x.handler.rcpt(session, transaction, to), (answer) => {
    if (isPositive(answer)) transaction.rcptTo.push(to)
    return answer
  })
}

// RFC 5321 section 4.5.3.1.10: the client sends the rest in another transaction, so this is no
// error of its own, unless it goes on and on
function tooMany(transaction: OpenTransaction, limit: number): WireReply {
  transaction.excess++
  return transaction.excess > 10 * limit ? TOO_MANY_RECIPIENTS : { ...TOO_MANY_RECIPIENTS, uncounted: true }
}

export function data(x: Exchange, args: string): Later<HandlerReply> {
  const { session, transaction } = x
  if (args !== '') return NO_ARGUMENTS
  if (transaction === null) return session.helo === null ? HELLO_FIRST : MAIL_FIRST
  if (transaction.rcptTo.length === 0) return NO_RECIPIENTS
  // RFC 2920 section 3.1: nothing may follow DATA before its reply. If DATA were refused, content
  // that came along would be read as commands.
  if (x.pipelined && !x.limits.lenient) return TRAILING_BYTES
  return whenDone<DataSink | HandlerReply, HandlerReply>(x.handler.data(session, transaction), (answer) => {
    if (!('write' in answer)) return answer
    x.takeContent(answer)
    return START_MAIL
  })
}

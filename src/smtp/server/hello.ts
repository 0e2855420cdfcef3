import { isAscii, parseDomain } from '../../mail/address.ts'
import { isPositive, reply } from '../../mail/reply.ts'
import type { HandlerReply, Later } from './contract.ts'
import type { Exchange } from './exchange.ts'
import { whenDone } from './later.ts'
import { BAD_HELLO_NAME } from './replies.ts'

export const helo = (x: Exchange, name: string): Later<HandlerReply> => hello(x, name, false)
export const ehlo = (x: Exchange, name: string): Later<HandlerReply> => hello(x, name, true)

// RFC 5321 section 4.1.4: a refused HELO leaves everything as it was, an accepted one resets
function hello(x: Exchange, name: string, extended: boolean): Later<HandlerReply> {
  if (!isHelloName(name, x.limits.lenient)) return BAD_HELLO_NAME
  return whenDone(x.handler.hello(x.session, name), (answer) => {
    if (!isPositive(answer)) return answer
    x.resetTransaction()
    x.session.helo = name
    x.session.extended = extended
    x.refreshLimits()
    const greeting = x.options.hostname
    return reply(250, null, ...(extended ? [greeting, ...extensions(x)] : [greeting]))
  })
}

const ODD_NAME = /^[\x21-\x7e][\x20-\x7e]{0,254}$/

function isHelloName(name: string, lenient: boolean): boolean {
  if (lenient) return ODD_NAME.test(name)
  return isAscii(name) && parseDomain(name) !== null
}

function extensions({ options, session, handler, limits }: Exchange): string[] {
  const offered = ['PIPELINING', `SIZE ${limits.size}`, '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES', 'DSN']
  if (session.tls === null && options.tls.mode === 'starttls') offered.push('STARTTLS')
  // RFC 8689 section 2: only in TLS
  if (session.tls !== null) offered.push('REQUIRETLS')
  if (session.tls !== null && session.user === null && handler.auth !== undefined) offered.push('AUTH PLAIN LOGIN')
  return offered
}

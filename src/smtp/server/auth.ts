import { isUtf8 } from 'node:buffer'
import { isPositive, reply } from '../../mail/reply.ts'
import type { HandlerReply, Later } from './contract.ts'
import type { Exchange } from './exchange.ts'
import { whenDone } from './later.ts'
import {
  AUTH_CANCELLED,
  AUTH_MALFORMED,
  AUTH_MECHANISM,
  AUTH_NEEDS_TLS,
  AUTH_NOT_HERE,
  AUTH_NOT_NOW,
  HELLO_FIRST,
} from './replies.ts'

type Step = (x: Exchange, response: string) => Later<HandlerReply>

/** AUTH PLAIN and LOGIN (RFC 4954, 4616), only in TLS. */
export function auth(x: Exchange, args: string): Later<HandlerReply> {
  const { session, handler } = x
  if (handler.auth === undefined) return AUTH_NOT_HERE
  if (session.helo === null) return HELLO_FIRST
  if (session.tls === null) return AUTH_NEEDS_TLS
  if (session.user !== null || x.transaction !== null) return AUTH_NOT_NOW
  const [mechanism, initial, more] = args.split(/ +/)
  const step = MECHANISMS[(mechanism ?? '').toUpperCase()]
  if (step === undefined) return AUTH_MECHANISM
  if (more !== undefined) return AUTH_MALFORMED
  // RFC 4954 section 4: `=` is an empty initial response
  return initial === undefined ? ask(x, step.prompt, step.run) : step.run(x, initial === '=' ? '' : initial)
}

function ask(x: Exchange, prompt: string, next: Step): HandlerReply {
  x.expectLine((line) => (line === '*' ? AUTH_CANCELLED : next(x, line)))
  return reply(334, null, Buffer.from(prompt).toString('base64'))
}

function plain(x: Exchange, response: string): Later<HandlerReply> {
  const [authorize, name, password, more] = decode(response)?.split('\0') ?? []
  if (authorize === undefined || name === undefined || password === undefined || more !== undefined) {
    return AUTH_MALFORMED
  }
  // RFC 4616 section 2: to act for somebody else is not offered
  return authorize === '' || authorize === name ? signIn(x, name, password) : AUTH_MALFORMED
}

function loginName(x: Exchange, response: string): Later<HandlerReply> {
  const name = decode(response)
  if (name === null) return AUTH_MALFORMED
  return ask(x, 'Password:', (_, line) => {
    const password = decode(line)
    return password === null ? AUTH_MALFORMED : signIn(x, name, password)
  })
}

const MECHANISMS: Readonly<Record<string, { readonly prompt: string; readonly run: Step }>> = {
  PLAIN: { prompt: '', run: plain },
  LOGIN: { prompt: 'Username:', run: loginName },
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

function signIn(x: Exchange, name: string, password: string): Later<HandlerReply> {
  if (name === '' || CONTROL.test(name) || password.includes('\0') || x.handler.auth === undefined) {
    return AUTH_MALFORMED
  }
  return whenDone(x.handler.auth(x.session, name, password), (answer) => {
    if (!isPositive(answer)) return answer
    x.session.user = name
    x.refreshLimits()
    return answer
  })
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Null if it is not base64 of UTF-8. */
function decode(text: string): string | null {
  if (!BASE64.test(text)) return null
  const bytes = Buffer.from(text, 'base64')
  return isUtf8(bytes) ? bytes.toString('utf8') : null
}

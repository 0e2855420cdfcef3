import type { ReversePath } from '../../mail/envelope.ts'
import type { MailCommand, WireLimits } from './contract.ts'
import { decodeXtext, type Parameters, parseParameters } from './params.ts'
import { parsePathArgument, readAddress } from './path.ts'
import {
  BAD_SENDER,
  badParameter,
  MAIL_SYNTAX,
  NEEDS_SMTPUTF8,
  REQUIRETLS_NEEDS_TLS,
  TOO_BIG,
  unknownParameter,
  type WireReply,
} from './replies.ts'

/** What MAIL is read against. */
export interface MailContext {
  readonly limits: WireLimits
  readonly inTls: boolean
  /** Whether parameters are taken: EHLO was said, or the client is lenient. */
  readonly extended: boolean
}

const KNOWN: ReadonlySet<string> = new Set(['SIZE', 'BODY', 'SMTPUTF8', 'REQUIRETLS', 'RET', 'ENVID', 'AUTH'])
const NONE: ReadonlySet<string> = new Set()

/** Reads what follows `MAIL `: RFC 5321 section 4.1.1.2 and its extensions. */
export function parseMail(args: string, context: MailContext): MailCommand | WireReply {
  const argument = parsePathArgument(args, 'FROM', context.limits.lenient)
  if (argument === null) return MAIL_SYNTAX
  const parameters = parseParameters(argument.rest, context.extended ? KNOWN : NONE)
  if ('code' in parameters) return parameters
  const bad = refuse(parameters, context)
  if (bad !== null) return bad
  const smtputf8 = parameters.has('SMTPUTF8')
  const from: ReversePath | 'needsUtf8' | 'bad' =
    argument.path === '' ? null : (readAddress(argument.path, smtputf8) ?? 'bad')
  if (from === 'bad') return BAD_SENDER
  if (from === 'needsUtf8') return NEEDS_SMTPUTF8
  return command(from, parameters)
}

function command(from: ReversePath, parameters: Parameters): MailCommand {
  const size = parameters.get('SIZE')
  const ret = parameters.get('RET')?.toLowerCase()
  return {
    from,
    size: size == null ? null : Number(size),
    body: parameters.get('BODY')?.toLowerCase() === '8bitmime' ? '8bitmime' : '7bit',
    smtputf8: parameters.has('SMTPUTF8'),
    requireTls: parameters.has('REQUIRETLS'),
    ret: ret === 'full' || ret === 'hdrs' ? ret : null,
    envid: parameters.get('ENVID') ?? null,
  }
}

function refuse(parameters: Parameters, { limits, inTls }: MailContext): WireReply | null {
  for (const [key, value] of parameters) {
    const isGood = CHECKS[key]
    if (isGood === undefined) return unknownParameter(key)
    if (!isGood(value)) return badParameter(key)
  }
  if (parameters.has('REQUIRETLS') && !inTls) return REQUIRETLS_NEEDS_TLS
  return Number(parameters.get('SIZE') ?? 0) > limits.size ? TOO_BIG : null
}

type Check = (value: string | null) => boolean

const absent: Check = (value) => value === null
const matching =
  (pattern: RegExp): Check =>
  (value) =>
    value !== null && pattern.test(value)

const CHECKS: Readonly<Record<string, Check>> = {
  // RFC 1870 section 3: up to 20 digits
  SIZE: matching(/^\d{1,20}$/),
  BODY: matching(/^(?:7BIT|8BITMIME)$/i),
  SMTPUTF8: absent,
  REQUIRETLS: absent,
  RET: matching(/^(?:FULL|HDRS)$/i),
  // RFC 3461 section 4.4
  ENVID: (value) => value !== null && value.length <= 100 && decodeXtext(value) !== null,
  // RFC 4954 section 5: taken, and not believed
  AUTH: (value) => value !== null && decodeXtext(value) !== null,
}

import type { Address } from '../../mail/address.ts'
import type { NotifyCondition, Recipient } from '../../mail/envelope.ts'
import { decodeXtext, parseParameters } from './params.ts'
import { parsePathArgument, readAddress } from './path.ts'
import { BAD_RECIPIENT, badParameter, NEEDS_SMTPUTF8, RCPT_SYNTAX, type WireReply } from './replies.ts'

/** What RCPT is read against. */
export interface RcptContext {
  /** The domain of `<Postmaster>`. */
  readonly hostname: string
  readonly smtputf8: boolean
  readonly lenient: boolean
  /** Whether parameters are taken: EHLO was said, or the client is lenient. */
  readonly extended: boolean
}

const KNOWN: ReadonlySet<string> = new Set(['NOTIFY', 'ORCPT'])
const NONE: ReadonlySet<string> = new Set()

/** Reads what follows `RCPT `: RFC 5321 section 4.1.1.3, RFC 3461 sections 4.1 and 4.2. */
export function parseRcpt(args: string, context: RcptContext): Recipient | WireReply {
  const argument = parsePathArgument(args, 'TO', context.lenient)
  if (argument === null) return RCPT_SYNTAX
  const parameters = parseParameters(argument.rest, context.extended ? KNOWN : NONE)
  if ('code' in parameters) return parameters
  const notify = parseNotify(parameters.get('NOTIFY'))
  if (notify === undefined) return badParameter('NOTIFY')
  const orcpt = parameters.get('ORCPT')
  if (orcpt !== undefined && !isOrcpt(orcpt, context.smtputf8)) return badParameter('ORCPT')
  const address = readRecipient(argument.path, context)
  if (address === 'needsUtf8') return NEEDS_SMTPUTF8
  return address === null ? BAD_RECIPIENT : { address, notify, orcpt: orcpt ?? null }
}

function readRecipient(path: string, { hostname, smtputf8 }: RcptContext): Address | 'needsUtf8' | null {
  // RFC 5321 section 4.5.1: Postmaster without a domain must be taken
  if (path.toLowerCase() === 'postmaster') return { local: path, domain: hostname.toLowerCase() }
  return readAddress(path, smtputf8)
}

const CONDITIONS: readonly NotifyCondition[] = ['success', 'failure', 'delay']

/** Null where nothing was given, undefined where it is wrong. */
function parseNotify(value: string | null | undefined): readonly NotifyCondition[] | null | undefined {
  if (value === undefined) return null
  const words = (value ?? '').toLowerCase().split(',')
  if (words.length === 1 && words[0] === 'never') return ['never']
  const found = CONDITIONS.filter((condition) => words.includes(condition))
  return found.length === words.length ? found : undefined
}

// RFC 3461 section 4.2: at most 500 characters, an atom, and xtext
const ORCPT = /^([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+);(.+)$/u
// RFC 6533 section 3: utf-8-addr-xtext is ASCII, utf-8-addr-unitext needs SMTPUTF8
const UTF8_ORCPT = /^[\x21-\x2a\x2c-\x3c\x3e-\x7e\u00a0-\u{10ffff}]+$/u

function isOrcpt(value: string | null, smtputf8: boolean): boolean {
  const [, type, address] = ORCPT.exec(value ?? '') ?? []
  if (value === null || type === undefined || address === undefined || value.length > 500) return false
  if (decodeXtext(address) !== null) return true
  return smtputf8 && type.toLowerCase() === 'utf-8' && UTF8_ORCPT.test(address)
}

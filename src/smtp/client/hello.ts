import { isPermanent, type Reply, replyText } from '../../mail/reply.ts'
import type { ClientPhase, ClientTarget } from './contract.ts'
import { failureOf, PhaseError } from './failure.ts'
import type { Wire } from './wire.ts'

export type Extensions = ReadonlyMap<string, string>

const OK = 250
const READY = 220
const CLOSING = 421

/** Reads the greeting. Any but 220 means that this host takes no mail now: RFC 5321 section 3.1. */
export async function greet(wire: Wire, { timeouts }: ClientTarget): Promise<void> {
  const reply = await wire.ask('greeting', timeouts.greeting, null)
  if (reply.code !== READY) throw refusal('greeting', reply)
}

/**
 * EHLO or LHLO, and HELO where the peer knows no EHLO (RFC 5321 section 3.2). Gives the
 * extensions: keyword in capitals to its parameters.
 */
export async function hello(wire: Wire, target: ClientTarget): Promise<Extensions> {
  const verb = target.protocol === 'lmtp' ? 'LHLO' : 'EHLO'
  const reply = await wire.ask('hello', target.timeouts.hello, `${verb} ${target.helo}\r\n`)
  if (reply.code === OK) return parseExtensions(reply)
  if (verb === 'LHLO' || !isPermanent(reply)) throw refusal('hello', reply)
  const plain = await wire.ask('hello', target.timeouts.hello, `HELO ${target.helo}\r\n`)
  if (plain.code !== OK) throw refusal('hello', plain)
  return new Map()
}

/** The failure that a reply means for the session as a whole. */
export const refusal = (phase: ClientPhase, reply: Reply): PhaseError =>
  new PhaseError(
    failureOf(phase, `${reply.code === CLOSING ? 'closed' : 'refused'} by the peer: ${replyText(reply)}`, reply),
  )

// RFC 5321 section 4.1.1.1; `AUTH=LOGIN` is what old servers say for `AUTH LOGIN`
const KEYWORD = /^([a-z0-9][a-z0-9-]*)(?:[ =](.*))?$/i

function parseExtensions(reply: Reply): Extensions {
  const found = new Map<string, string>()
  for (const line of reply.lines.slice(1)) {
    const [, keyword = '', parameters = ''] = KEYWORD.exec(line.trim()) ?? []
    const name = keyword.toUpperCase()
    if (name !== '' && !found.has(name)) found.set(name, parameters.trim())
  }
  return found
}

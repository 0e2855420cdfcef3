import { createHmac } from 'node:crypto'
import { isPositive, type Reply } from '../../mail/reply.ts'
import type { ClientTarget } from './contract.ts'
import { failureOf, PhaseError } from './failure.ts'
import { type Extensions, refusal } from './hello.ts'
import type { Wire } from './wire.ts'

type Login = NonNullable<ClientTarget['login']>

/** One mechanism of RFC 4954: what goes with AUTH, and what answers each challenge. */
interface Mechanism {
  readonly initial: (login: Login) => string | null
  readonly answers: readonly ((login: Login, challenge: string) => string)[]
}

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64')

const MECHANISMS: Readonly<Record<string, Mechanism>> = {
  // RFC 4616
  PLAIN: { initial: ({ user, password }) => base64(`\0${user}\0${password}`), answers: [] },
  LOGIN: {
    initial: () => null,
    answers: [({ user }) => base64(user), ({ password }) => base64(password)],
  },
  // RFC 2195
  'CRAM-MD5': {
    initial: () => null,
    answers: [
      ({ user, password }, challenge) =>
        base64(`${user} ${createHmac('md5', password).update(Buffer.from(challenge, 'base64')).digest('hex')}`),
    ],
  },
}

const SIGNED_IN = 235
const CHALLENGE = 334

/**
 * Signs in. Never in clear, whatever the peer offers. A refusal is temporary: a password that
 * was changed on one side must not bounce the mail that waits.
 */
export async function signIn(
  wire: Wire,
  target: ClientTarget,
  login: Login,
  seen: { extensions: Extensions; secured: boolean },
): Promise<void> {
  if (!seen.secured) throw fault('signing in needs TLS, which this connection has not')
  const offered = new Set((seen.extensions.get('AUTH') ?? '').toUpperCase().split(/[ =]+/))
  const name = Object.keys(MECHANISMS).find((mechanism) => offered.has(mechanism))
  const mechanism = name === undefined ? undefined : MECHANISMS[name]
  if (name === undefined || mechanism === undefined) throw fault('the peer offers no way to sign in that we know')
  if (login.user.includes('\0') || login.password.includes('\0')) throw fault('NUL in the name or password')
  await converse(wire, target.timeouts.auth, login, name, mechanism)
}

async function converse(wire: Wire, ms: number, login: Login, name: string, mechanism: Mechanism): Promise<void> {
  const initial = mechanism.initial(login)
  let reply = await wire.ask('auth', ms, `AUTH ${name}${initial === null ? '' : ` ${initial}`}\r\n`)
  for (const answer of mechanism.answers) {
    if (reply.code !== CHALLENGE) throw refused(reply)
    reply = await wire.ask('auth', ms, `${answer(login, reply.lines.join(''))}\r\n`)
  }
  if (reply.code !== SIGNED_IN) throw refused(reply)
}

const refused = (reply: Reply): PhaseError =>
  isPositive(reply) ? fault(`an answer to AUTH that makes no sense: ${reply.code}`) : refusal('auth', reply)

const fault = (text: string): PhaseError => new PhaseError(failureOf('auth', text))

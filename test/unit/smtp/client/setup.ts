import assert from 'node:assert/strict'
import type { Log } from '../../../../src/log.ts'
import { silentLog } from '../../../../src/log.ts'
import { parseAddress } from '../../../../src/mail/address.ts'
import { type Content, memoryContent } from '../../../../src/mail/content.ts'
import type { Envelope, Recipient } from '../../../../src/mail/envelope.ts'
import type {
  ClientFailure,
  ClientOptions,
  ClientSession,
  ClientTarget,
  ClientTimeouts,
} from '../../../../src/smtp/client/index.ts'
import { openSession } from '../../../../src/smtp/client/index.ts'
import type { Peer } from '../../../support/peer.ts'
import { defer, type Scope } from '../../../support/scope.ts'

/** Long enough for a busy machine, short enough for a test that fails. */
export const PATIENT_MS = 10_000
/** For what is meant to time out. */
export const BRIEF_MS = 150

const PHASES = ['connect', 'greeting', 'hello', 'tls', 'auth', 'mail', 'rcpt', 'data', 'block', 'end'] as const

/** The same time for all phases, but for those given. */
export function timeouts(but: Partial<ClientTimeouts> = {}): ClientTimeouts {
  const all = Object.fromEntries(PHASES.map((phase) => [phase, PATIENT_MS])) as unknown as ClientTimeouts
  return { ...all, ...but }
}

export const targetOf = (peer: Peer, but: Partial<ClientTarget> = {}): ClientTarget => ({
  host: 'peer.test',
  address: peer.script.path ?? '127.0.0.1',
  port: peer.script.path === undefined ? peer.port : 0,
  protocol: peer.script.lmtp ? 'lmtp' : 'smtp',
  tls: { mode: 'none' },
  login: null,
  helo: 'relay.test',
  timeouts: timeouts(),
  localAddress: null,
  ...but,
})

/** A session that must open; destroyed with the test. */
export async function openTo(
  scope: Scope,
  peer: Peer,
  but: Partial<ClientTarget> = {},
  options: Partial<ClientOptions> = {},
): Promise<ClientSession> {
  const opened = await openSession(targetOf(peer, but), { log: silentLog, ...options })
  assert.ok(opened.ok, opened.ok ? '' : opened.failure.text)
  defer(scope, () => opened.session.destroy())
  return opened.session
}

/** The failure of a session that must not open. */
export async function failTo(
  peer: Peer,
  but: Partial<ClientTarget> = {},
  options: Partial<ClientOptions> = {},
): Promise<ClientFailure> {
  const opened = await openSession(targetOf(peer, but), { log: silentLog, ...options })
  if (opened.ok) opened.session.destroy()
  assert.ok(!opened.ok, 'the session opened')
  return opened.failure
}

export function recipient(address: string, but: Partial<Recipient> = {}): Recipient {
  const parsed = parseAddress(address, { utf8: true })
  assert.ok(parsed, address)
  return { address: parsed, notify: null, orcpt: null, ...but }
}

/** An envelope to the given recipients (addresses, or whole recipients). */
export const envelopeTo = (
  rcptTo: readonly (string | Recipient)[] = ['ward@north.test'],
  but: Partial<Envelope> = {},
): Envelope => ({
  mailFrom: { local: 'lab', domain: 'south.test' },
  rcptTo: rcptTo.map((rcpt) => (typeof rcpt === 'string' ? recipient(rcpt) : rcpt)),
  envid: null,
  ret: null,
  smtputf8: false,
  body: '7bit',
  requireTls: false,
  ...but,
})

export const MESSAGE = 'From: lab@south.test\r\nTo: ward@north.test\r\nSubject: result\r\n\r\nAll is well.\r\n'

export const textContent = (text = MESSAGE): Content => memoryContent(Buffer.from(text, 'utf8'))

/** Content that is not in memory: it comes in these pieces. `size` may lie. */
export const pieceContent = (pieces: readonly Buffer[], size = Buffer.concat(pieces).length): Content => ({
  size,
  bytes: null,
  async *stream() {
    yield* pieces
  },
})

/** A log that keeps what it is told. */
export function memoryLog(): Log & { lines: { fields: object; message: string }[] } {
  const lines: { fields: object; message: string }[] = []
  const take = (fields: object, message: string) => void lines.push({ fields, message })
  return { lines, debug: take, info: take, warn: take, error: take }
}

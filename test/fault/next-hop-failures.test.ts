import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { relayConfig } from '../support/config.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { type Received, type Sink, type SinkFault, type SinkPhase, startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

/**
 * Every point at which RFC 5321 lets a next hop fail, in every way that it can. The failure comes
 * once, then the hop is well: what can pass must pass, and what is final must come back to the sender.
 */

const PHASES: readonly SinkPhase[] = ['greeting', 'ehlo', 'mail', 'rcpt', 'data', 'end']
const FAULTS: Readonly<Record<string, SinkFault>> = {
  transient: { reply: '451 4.3.0 not now' },
  permanent: { reply: '554 5.7.1 never' },
  silence: 'hang',
  reset: 'reset',
}

interface Case {
  readonly name: string
  readonly domain: string
  readonly phase: SinkPhase
  readonly fault: SinkFault
  /** RFC 5321 section 4.2.1: a 5xx after MAIL is final. Of the connection alone it says nothing about the message. */
  readonly bounces: boolean
  readonly sink: Sink
}

const ENVELOPE: readonly SinkPhase[] = ['mail', 'rcpt', 'data', 'end']

async function makeCases(t: TestContext): Promise<Case[]> {
  const cases: Case[] = []
  for (const phase of PHASES) {
    for (const [kind, fault] of Object.entries(FAULTS)) {
      const sink = await startSink(t, { fault: (call) => (call.phase === phase && call.before === 0 ? fault : null) })
      const bounces = kind === 'permanent' && ENVELOPE.includes(phase)
      cases.push({ name: `${kind} at ${phase}`, domain: `${phase}-${kind}.test`, phase, fault, bounces, sink })
    }
  }
  return cases
}

/** One daemon for all: what is wrong with one destination must not disturb another. */
async function startAll(t: TestContext, cases: readonly Case[], home: Sink) {
  const port = await freePort()
  const domains = Object.fromEntries(cases.map(({ domain, sink }) => [domain, { hosts: [`127.0.0.1:${sink.port}`] }]))
  const quick = ['connect', 'greeting', 'hello', 'mail', 'rcpt', 'data', 'block', 'end']
  const timeouts = Object.fromEntries(quick.map((phase) => [phase, '1s']))
  const routes = { default: { hosts: [`127.0.0.1:${home.port}`] }, domains }
  const more = { routes, delivery: { timeouts } }
  return { port, daemon: await startDaemon(t, relayConfig({ port, nextHop: home.port, more })) }
}

test('whatever a next hop does wrong, a message arrives once or comes back to its sender', async (t) => {
  const home = await startSink(t)
  const cases = await makeCases(t)
  const { port, daemon } = await startAll(t, cases, home)
  await Promise.all(
    cases.map(({ domain }) => submit({ port, to: `someone@${domain}`, bytes: mail({ subject: domain }).bytes })),
  )
  await waitFor(() => cases.every(({ domain, bounces, sink }) => (bounces ? bounce(home, domain) : sink.messages[0])), {
    what: 'every message to end',
    timeoutMs: 60_000,
    detail: () => missing(cases, home, daemon),
  })
  for (const one of cases) await t.test(one.name, () => judge(one, home))
})

function judge({ domain, bounces, sink }: Case, home: Sink): void {
  assert.equal(sink.messages.length, bounces ? 0 : 1)
  const returned = home.messages.filter(({ content }) => content.includes(domain))
  assert.equal(returned.length, bounces ? 1 : 0)
  if (!bounces) return
  const [notice] = returned
  assert.equal(notice?.mailFrom, '')
  assert.deepEqual(
    notice?.rcptTo.map(({ address }) => address),
    ['ward@client.test'],
  )
  const text = notice?.content.toString() ?? ''
  assert.match(text, /^Content-Type: multipart\/report;\s*report-type="?delivery-status/im)
  assert.match(text, new RegExp(`^Final-Recipient: rfc822; ?someone@${domain}`, 'im'))
  assert.match(text, /^Action: failed/im)
  assert.match(text, /^Status: 5\.7\.1/im)
  assert.match(text, /^Diagnostic-Code: smtp; ?554 5\.7\.1 never/im)
}

const bounce = (home: Sink, domain: string): Received | undefined =>
  home.messages.find(({ content }) => content.includes(domain))

function missing(cases: readonly Case[], home: Sink, daemon: Daemon): string {
  const open = cases.filter(({ domain, bounces, sink }) => !(bounces ? bounce(home, domain) : sink.messages[0]))
  return `still open: ${open.map(({ name }) => name).join(', ')}\n${daemon.log.slice(-6000)}`
}

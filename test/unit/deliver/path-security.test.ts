import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { registerOf } from '../../../src/mail/secure-domain.ts'
import type { PathDecision, PathQuestion, ReportedPolicy } from '../../../src/transport/contract.ts'
import { makeCertificate } from '../../support/certs.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { freePort } from '../../support/ports.ts'
import { decideByRoute, type Script, scriptedSecurity } from '../../support/security.ts'
import { type Sink, startSink } from '../../support/sink.ts'
import { waitFor } from '../../support/wait.ts'
import { entry } from '../config/secure-domains/support.ts'
import { hosts, mxAt, type RelaySetting, routes, startRelay, type TestRelay } from './relay.ts'

const MINUTE = 60_000
const STOPPED = { text: 'no way that is safe: ask A. Nightingale', status: '4.7.5' }

/** Asks for a proven certificate, under the key of the domain. */
const proven = (question: PathQuestion): Partial<PathDecision> => {
  const strict = decideByRoute({ ...question, need: 'requiretls' })
  return { ...strict, source: 'register', key: `register ${question.domain}`, stopped: null }
}

/** One server for everything, that shows a certificate which is trusted only if `trusted`. */
async function shared(t: TestContext, trusted: boolean, script: Script, more: Partial<RelaySetting['options']> = {}) {
  const certificate = makeCertificate(temporaryFolder(t), 'hop', ['127.0.0.1'])
  const hop = await startSink(t, { tls: certificate })
  const tls = { mode: 'opportunistic', verify: false, options: trusted ? { ca: certificate.cert } : {} } as const
  const security = scriptedSecurity(script)
  const relay = await startRelay(t, { security, options: { routes: routes({}, { ...hosts(hop.port), tls }), ...more } })
  return { hop, relay, security, options: relay.options }
}

const received = ({ messages }: Sink): string[] =>
  messages.flatMap(({ rcptTo }) => rcptTo.map(({ address }) => address)).sort()

async function lastReplies(relay: TestRelay): Promise<Record<string, string | null>> {
  const { entries } = await relay.spool.list({}, { after: null, limit: 20 })
  return Object.fromEntries(
    entries.flatMap(({ recipients }) => recipients.map((each) => [each.address, each.lastReply])),
  )
}

describe('a domain that was stopped', () => {
  const script: Script = ({ domain }) =>
    domain === 'secure.test' ? { source: 'register', stopped: STOPPED } : undefined

  it('waits with its reason, alone, and is told of', async (t) => {
    const { hop, relay } = await shared(t, true, script)
    await relay.submit({ to: ['a@secure.test', 'b@ordinary.test'] })
    await relay.submit({ to: 'c@ordinary.test' })
    await relay.quiet()
    assert.deepEqual(received(hop), ['b@ordinary.test', 'c@ordinary.test'])
    assert.deepEqual(await lastReplies(relay), { 'a@secure.test': `451 4.7.5 (relay) ${STOPPED.text}` })
    assert.deepEqual(
      relay.alarms.map(({ is, key }) => [is, key]),
      [['raised', 'path secure.test']],
    )
    assert.match(relay.alarms[0]?.text ?? '', /mail for secure\.test waits.*ask A\. Nightingale/)
  })

  it('goes on at its next time where it may by then, and the alarm is over', async (t) => {
    const { hop, relay, security } = await shared(t, true, script)
    await relay.submit({ to: 'a@secure.test' })
    await relay.quiet()
    security.script = proven
    await relay.advance(2 * MINUTE)
    assert.deepEqual(received(hop), ['a@secure.test'])
    assert.deepEqual(relay.alarms.at(-1), { is: 'cleared', key: 'path secure.test' })
  })

  it('ends an alarm that an earlier run of the daemon raised, with the first message that goes out', async (t) => {
    const { hop, relay } = await shared(t, true, proven)
    await relay.submit({ to: 'a@secure.test' })
    await relay.quiet()
    assert.deepEqual(received(hop), ['a@secure.test'])
    assert.deepEqual(relay.alarms, [{ is: 'cleared', key: 'path secure.test' }])
  })

  it('is returned with the exact cause when it is too old', async (t) => {
    const home = await startSink(t)
    const port = await freePort()
    const relay = await startRelay(t, {
      security: scriptedSecurity(script),
      options: { routes: routes({ 'royal.example.test': hosts(home.port) }, hosts(port)), delayNoticeMs: null },
    })
    await relay.submit({ to: 'a@secure.test' })
    await relay.advance(5 * 24 * 60 * MINUTE + 2 * 60 * MINUTE)
    const [bounce] = home.messages
    assert.match(
      bounce?.content.toString() ?? '',
      /Diagnostic-Code: x-postern; 451 4\.7\.5 \(relay\) no way that is safe/,
    )
  })

  it('is not carried by a connection that was open before', async (t) => {
    const { hop, relay, security, options } = await shared(t, true, () => undefined)
    await relay.submit({ to: 'a@secure.test' })
    await relay.quiet()
    security.script = script
    relay.deliver.update(options)
    await relay.submit({ to: 'b@secure.test' })
    await relay.quiet()
    assert.deepEqual(received(hop), ['a@secure.test'])
  })
})

describe('two domains behind one server', () => {
  const script: Script = (question) => (question.domain === 'secure.test' ? proven(question) : undefined)

  it('use connections of their own where one of them must be proven', async (t) => {
    const { hop, relay } = await shared(t, true, script)
    await relay.submit({ to: ['a@secure.test', 'b@ordinary.test', 'c@third.test'] })
    await relay.quiet()
    assert.deepEqual(received(hop), ['a@secure.test', 'b@ordinary.test', 'c@third.test'])
    assert.equal(relay.deliver.status().nextHops.length, 2)
  })

  it('do not slow each other where the proof of one fails', async (t) => {
    const { hop, relay } = await shared(t, false, script)
    for (let i = 0; i < 3; i++) await relay.submit({ to: [`a${i}@secure.test`, `b${i}@ordinary.test`] })
    await relay.quiet()
    assert.deepEqual(received(hop), ['b0@ordinary.test', 'b1@ordinary.test', 'b2@ordinary.test'])
    const { destinations } = await relay.spool.summary()
    assert.match(
      destinations.find((each) => each.destination === 'secure.test')?.reason ?? '',
      /4\.7\.5 .*does not hold/,
    )
    assert.equal(destinations.find((each) => each.destination === 'ordinary.test')?.blockedUntil ?? null, null)
    assert.deepEqual(
      relay.alarms.map(({ is, key }) => [is, key]),
      [['raised', 'path secure.test']],
    )
  })

  it('have the failed path in their record, host by host', async (t) => {
    const { hop, relay } = await shared(t, false, script)
    await relay.submit({ to: 'a@secure.test' })
    await relay.quiet()
    const attempt = relay.log.find(({ message }) => message === 'attempt')
    assert.deepEqual(attempt?.fields.security, { source: 'register', key: 'register secure.test' })
    const [tried] = (attempt?.fields.tried ?? []) as string[]
    assert.match(tried ?? '', new RegExp(`^\\[127\\.0\\.0\\.1\\]:${hop.port}: the certificate does not hold: `))
  })
})

describe('a message rerouted to a host by hand', () => {
  it('needs there what its recipients’ domain asks for, each recipient apart', async (t) => {
    const script: Script = (question) => (question.domain === 'secure.test' ? proven(question) : undefined)
    const spare = await startSink(t)
    const { relay, security } = await shared(t, true, script, { routes: routes({}, hosts(await freePort())) })
    await relay.enqueue({ to: ['a@secure.test', 'b@ordinary.test', 'c@ordinary.test'] })
    await relay.quiet()
    await relay.spool.act({ do: 'reroute', destination: `[127.0.0.1]:${spare.port}` }, {}, 'operator')
    relay.deliver.poke()
    await relay.quiet()
    assert.deepEqual(received(spare), ['b@ordinary.test', 'c@ordinary.test'])
    assert.equal(spare.messages.length, 1, 'those of one domain stay together')
    assert.deepEqual(Object.keys(await lastReplies(relay)), ['a@secure.test'])
    assert.match((await lastReplies(relay))['a@secure.test'] ?? '', /STARTTLS is not offered/)
    assert.deepEqual(
      security.asked.at(-1)?.from,
      'configured',
      'what an operator chose is neither the DNS’s nor the domain’s',
    )
  })

  it('does not leave by it where the register names another host', async (t) => {
    const [only, other] = [await startSink(t), await startSink(t)]
    const secure = {
      ...entry({ domain: 'secure.test', 'expires-on': '2099-01-01' }),
      nextHop: { host: '127.0.0.1', port: only.port },
    }
    const { relay } = await shared(t, true, () => undefined, {
      register: registerOf([secure]),
      routes: routes({}, hosts(other.port)),
    })
    await relay.submit({ to: 'a@secure.test' })
    await relay.quiet()
    assert.deepEqual([received(only), received(other)], [['a@secure.test'], []], 'the register counts before routes')
    const waits = await relay.enqueue({ to: 'b@secure.test' })
    await relay.spool.act(
      { do: 'reroute', destination: `[127.0.0.1]:${other.port}` },
      { queueIds: [waits] },
      'operator',
    )
    relay.deliver.poke()
    await relay.quiet()
    assert.match((await lastReplies(relay))['b@secure.test'] ?? '', /4\.7\.1 .*register.*only, not to/)
    await relay.spool.act({ do: 'reroute', destination: null }, {}, 'operator')
    relay.deliver.poke()
    await relay.quiet()
    assert.deepEqual([received(only), received(other)], [['a@secure.test', 'b@secure.test'], []])
  })
})

describe('what a decision says of hosts', () => {
  it('leaves out those that it refuses', async (t) => {
    const [bad, good] = [await startSink(t), await startSink(t)]
    const security = scriptedSecurity((question) => {
      const { hosts: all } = decideByRoute(question)
      return { hosts: all.map((each, i) => (i === 0 ? { ...each, refused: 'not in the MTA-STS policy' } : each)) }
    })
    const relay = await startRelay(t, { security, options: { routes: routes({}, hosts(bad.port, good.port)) } })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.deepEqual([bad.connections, received(good)], [0, ['a@example.org']])
  })

  it('stops the mail where it refuses all, or speaks of others', async (t) => {
    for (const host of ['127.0.0.1', 'another.test']) {
      const sink = await startSink(t)
      const security = scriptedSecurity((question) => {
        const { hosts: all } = decideByRoute(question)
        return {
          hosts: all.map((each) => ({ ...each, host, refused: host === '127.0.0.1' ? 'not good enough' : null })),
        }
      })
      const relay = await startRelay(t, { security, options: { routes: routes({}, hosts(sink.port)) } })
      await relay.submit({ to: 'a@example.org' })
      await relay.quiet()
      assert.equal(sink.connections, 0)
      assert.match((await lastReplies(relay))['a@example.org'] ?? '', /4\.7\.5 .*no host may be tried/)
    }
  })

  it('is asked for once while it holds, and anew after', async (t) => {
    const sink = await startSink(t)
    let until = 0
    const security = scriptedSecurity(() => ({ until }))
    const relay = await startRelay(t, { security, options: { routes: routes({}, hosts(sink.port)) } })
    until = relay.clock.now() + MINUTE
    for (let i = 0; i < 5; i++) await relay.submit({ to: 'a@example.org' })
    await relay.deliver.ask({ local: 'a', domain: 'example.org' }, null)
    await relay.quiet()
    assert.equal(security.asked.length, 1)
    security.script = () => ({ stopped: STOPPED })
    relay.clock.advance(MINUTE)
    await relay.submit({ to: 'late@example.org' })
    await relay.quiet()
    assert.equal(security.asked.length, 2)
    assert.deepEqual(Object.keys(await lastReplies(relay)), ['late@example.org'])
  })

  it('is asked for anew while messages wait in memory, though no other comes', async (t) => {
    const sink = await startSink(t, { fault: ({ phase }) => (phase === 'greeting' ? 'hang' : null) })
    let until = 0
    const security = scriptedSecurity(() => ({ until }))
    const relay = await startRelay(t, { security, options: { routes: routes({}, hosts(sink.port)) } })
    until = relay.clock.now() + 10_000
    await relay.submit({ to: 'a@example.org' })
    security.script = () => ({ stopped: STOPPED })
    relay.clock.advance(15_000)
    const said = async () => (await lastReplies(relay))['a@example.org']
    assert.match((await waitFor(said, { what: 'its reason' })) ?? '', /no way that is safe/)
  })

  it('that cannot be had stops the mail', async (t) => {
    const sink = await startSink(t)
    const security = { decide: () => Promise.reject(new Error('out of order')) }
    const relay = await startRelay(t, { security, options: { routes: routes({}, hosts(sink.port)) } })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    assert.equal(sink.connections, 0)
    assert.match((await lastReplies(relay))['a@example.org'] ?? '', /4\.3\.0 .*out of order/)
  })

  it('tells of DNSSEC, need and how the hosts were found', async (t) => {
    const sink = await startSink(t)
    const security = scriptedSecurity()
    const zone = {
      'signed.test': { mx: [[10, 'mx.signed.test']], authentic: true },
      'mx.signed.test': { a: ['127.0.0.1'] },
    } as const
    const relay = await startRelay(t, { security, zone, options: mxAt(sink.port) })
    await relay.submit({ to: 'a@signed.test' })
    await relay.submit({ to: 'a@mx.signed.test', envelope: { sensitive: true, requireTls: true } })
    await relay.quiet()
    assert.deepEqual(
      security.asked.map(({ domain, from, authentic, need }) => ({ domain, from, authentic, need })),
      [
        { domain: 'signed.test', from: 'mx', authentic: true, need: 'none' },
        { domain: 'mx.signed.test', from: 'implicit', authentic: false, need: 'sensitive' },
      ],
    )
  })
})

describe('results for TLS reports', () => {
  const policy = {
    type: 'sts',
    strings: ['version: STSv1'],
    domain: 'example.org',
    mxHosts: ['mx.example.org'],
  } as const
  const zone = { 'example.org': { mx: [[10, 'mx.example.org']] }, 'mx.example.org': { a: ['127.0.0.1'] } } as const

  async function resultsOf(
    t: TestContext,
    tls: { names: string[] } | null,
    script: Script,
    reported: readonly ReportedPolicy[] = [policy],
  ) {
    const certificate = makeCertificate(temporaryFolder(t), 'hop', tls?.names ?? ['x.test'])
    const sink = await startSink(t, { tls: tls && certificate })
    const security = scriptedSecurity((question) => ({ ...script(question), reported }))
    const { routes: table, lookup } = mxAt(sink.port)
    const route = {
      via: 'mx',
      port: sink.port,
      tls: { mode: 'opportunistic', verify: false, options: { ca: certificate.cert } },
    } as const
    const relay = await startRelay(t, { security, zone, options: { routes: { ...table, default: route }, lookup } })
    await relay.submit({ to: 'a@example.org' })
    await relay.quiet()
    for (const result of relay.results) {
      assert.deepEqual([result.domain, result.host, result.address], ['example.org', 'mx.example.org', '127.0.0.1'])
      assert.equal(result.localAddress, '127.0.0.1')
    }
    return relay.results.map(({ failure }) => failure?.type ?? null)
  }

  it('count one session that held', async (t) => {
    assert.deepEqual(await resultsOf(t, { names: ['mx.example.org'] }, proven), [null])
  })

  it('count a name that does not, whether that stops the mail or is only being tried', async (t) => {
    assert.deepEqual(await resultsOf(t, { names: ['other.org'] }, proven), ['certificate-host-mismatch'])
    assert.deepEqual(await resultsOf(t, { names: ['other.org'] }, () => undefined), ['certificate-host-mismatch'])
  })

  it('count a host without TLS', async (t) => {
    assert.deepEqual(await resultsOf(t, null, proven), ['starttls-not-supported'])
    assert.deepEqual(await resultsOf(t, null, () => undefined), ['starttls-not-supported'])
  })

  it('say nothing where nothing was looked up', async (t) => {
    assert.deepEqual(await resultsOf(t, null, () => undefined, []), [])
  })
})

import assert from 'node:assert/strict'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { silentLog } from '../../../../src/log.ts'
import { noMetrics } from '../../../../src/metrics.ts'
import { STS_DEFAULTS, type StsOptions, StsPolicies } from '../../../../src/transport/mta-sts/policies.ts'
import { folderStore } from '../../../../src/transport/mta-sts/store.ts'
import { makeAuthority } from '../../../support/authority.ts'
import { manualClock } from '../../../support/clock.ts'
import { temporaryFolder } from '../../../support/folder.ts'
import { policyText, startPolicyHost } from '../../../support/policy-host.ts'
import { waitFor } from '../../../support/wait.ts'
import { zoneResolver } from '../../../support/zone.ts'

const authority = makeAuthority('Test Authority')
const MINUTE_MS = 60_000
const DAY_MS = 1440 * MINUTE_MS
const DOMAINS = ['a.test', 'b.test', 'c.test']
const CERTIFICATE = authority.issue(DOMAINS.map((domain) => `mta-sts.${domain}`))

async function setUp(t: TestContext, options: Partial<StsOptions> = {}) {
  const host = await startPolicyHost(t, CERTIFICATE, policyText('enforce', ['mx.a.test'], 7 * 86_400))
  const txt: Record<string, { txt: string[] }> = {}
  for (const domain of DOMAINS) txt[`_mta-sts.${domain}`] = { txt: ['v=STSv1; id=1'] }
  const zone = { ...txt, ...Object.fromEntries(DOMAINS.map((domain) => [`mta-sts.${domain}`, { a: ['127.0.0.1'] }])) }
  const resolver = zoneResolver(zone)
  const clock = manualClock(Date.now())
  const folder = temporaryFolder(t, 'mta-sts')
  const all = { ...STS_DEFAULTS, port: host.port, authorities: [authority.alone], allowLoopback: true, ...options }
  const log: string[] = []
  const counted: number[] = []
  const seams = {
    resolver,
    clock,
    log: { ...silentLog, warn: (_: object, text: string) => void log.push(text) },
    metrics: { ...noMetrics, count: (_: string, __?: object, by = 1) => void counted.push(by) },
  }
  const open = async () => {
    const policies = await StsPolicies.open(all, folderStore(folder), seams)
    t.after(() => policies.close())
    return policies
  }
  const publish = (domain: string, id: string | null) => {
    const record = txt[`_mta-sts.${domain}`]
    if (record) record.txt = id === null ? [] : [`v=STSv1; id=${id}`]
  }
  return { host, resolver, clock, folder, log, counted, open, publish }
}

const mode = (answer: Awaited<ReturnType<StsPolicies['of']>>): string =>
  answer.is === 'policy' ? answer.policy.mode : answer.is

describe('MTA-STS policies', () => {
  it('are fetched once, and then kept for their time', async (t) => {
    const { host, clock, open } = await setUp(t, { sweepMs: 100 * DAY_MS })
    const policies = await open()
    assert.equal(mode(await policies.of('a.test')), 'enforce')
    clock.advance(6 * DAY_MS)
    assert.equal(mode(await policies.of('a.test')), 'enforce')
    assert.equal(host.asked.length, 1)
  })

  it('are fetched by one at a time for a domain', async (t) => {
    const { host, open } = await setUp(t)
    const policies = await open()
    await Promise.all([policies.of('a.test'), policies.of('a.test'), policies.of('a.test')])
    assert.equal(host.asked.length, 1)
  })

  it('are none where no record says that there is one: nobody is asked for it', async (t) => {
    const { host, open, publish } = await setUp(t)
    publish('a.test', null)
    assert.equal(mode(await (await open()).of('a.test')), 'none')
    assert.equal(host.asked.length, 0)
  })

  it('are fetched anew when the id changes', async (t) => {
    const { host, open, publish } = await setUp(t)
    const policies = await open()
    await policies.of('a.test')
    host.answer = policyText('testing', ['mx.a.test'])
    assert.equal(mode(await policies.of('a.test')), 'enforce')
    publish('a.test', '2')
    assert.equal(mode(await policies.of('a.test')), 'testing')
    assert.equal(host.asked.length, 2)
  })

  it('count on where the record is taken away, the DNS fails, or the new one cannot be fetched', async (t) => {
    const { host, resolver, open, publish } = await setUp(t)
    const policies = await open()
    await policies.of('a.test')
    publish('a.test', null)
    assert.equal(mode(await policies.of('a.test')), 'enforce')
    resolver.failing.add('txt _mta-sts.a.test')
    assert.equal(mode(await policies.of('a.test')), 'enforce')
    resolver.failing.clear()
    publish('a.test', '2')
    host.answer = (_, response) => void response.writeHead(500).end()
    const answer = await policies.of('a.test')
    assert.ok(
      answer.is === 'policy' && answer.policy.mode === 'enforce' && answer.trouble?.type === 'sts-policy-fetch-error',
    )
  })

  it('end when their time is over', async (t) => {
    const { host, clock, open, publish } = await setUp(t, { sweepMs: 100 * DAY_MS })
    const policies = await open()
    await policies.of('a.test')
    publish('a.test', null)
    clock.advance(7 * DAY_MS - 1)
    assert.equal(mode(await policies.of('a.test')), 'enforce')
    clock.advance(1)
    assert.equal(mode(await policies.of('a.test')), 'none')
    assert.equal(host.asked.length, 1)
  })

  it('are asked for once in five minutes where they cannot be fetched', async (t) => {
    const { host, clock, open } = await setUp(t)
    host.answer = (_, response) => void response.writeHead(404).end()
    const policies = await open()
    for (const wait of [0, 1, 5 * MINUTE_MS - 2]) {
      clock.advance(wait)
      const answer = await policies.of('a.test')
      assert.ok(answer.is === 'none' && answer.trouble?.type === 'sts-policy-fetch-error')
    }
    assert.equal(host.asked.length, 1)
    clock.advance(1)
    host.answer = policyText('enforce', ['mx.a.test'])
    assert.equal(mode(await policies.of('a.test')), 'enforce')
    assert.equal(host.asked.length, 2)
  })

  it('are asked for at once where the clock was set back after a failure', async (t) => {
    const { host, clock, open } = await setUp(t)
    host.answer = (_, response) => void response.writeHead(404).end()
    const policies = await open()
    assert.equal(mode(await policies.of('a.test')), 'none')
    clock.jump(-DAY_MS / 2)
    host.answer = policyText('enforce', ['mx.a.test'])
    assert.equal(mode(await policies.of('a.test')), 'enforce')
  })

  it('outlive a restart, as does what is left of their time', async (t) => {
    const { host, clock, open, publish } = await setUp(t, { sweepMs: 100 * DAY_MS })
    const first = await open()
    await first.of('a.test')
    await first.close()
    clock.advance(3 * DAY_MS)
    publish('a.test', null)
    const second = await open()
    assert.equal(mode(await second.of('a.test')), 'enforce')
    clock.advance(4 * DAY_MS)
    assert.equal(mode(await second.of('a.test')), 'none')
    assert.equal(host.asked.length, 1)
  })

  it('lie in a folder that nobody else may read; what is damaged there is fetched anew', async (t) => {
    const { host, folder, open } = await setUp(t)
    const first = await open()
    await first.of('a.test')
    await first.close()
    const [file = ''] = readdirSync(folder)
    assert.equal(statSync(join(folder, file)).mode & 0o077, 0)
    for (const damage of ['', '{}', 'null', '{"domain":1}', '{"policy":{"mode":"enforce"}}', '\0'.repeat(200_000)]) {
      writeFileSync(join(folder, file), damage)
      const next = await open()
      assert.equal(next.size, 0)
    }
    writeFileSync(join(folder, 'half.json.new'), 'half')
    assert.equal(mode(await (await open()).of('a.test')), 'enforce')
    assert.equal(host.asked.length, 2)
    assert.equal(readdirSync(folder).length, 1)
  })

  it('that are damaged are missed: nothing goes out before they were fetched, whatever became of the record', async (t) => {
    const { host, resolver, folder, clock, log, counted, open, publish } = await setUp(t, { sweepMs: 100 * DAY_MS })
    const first = await open()
    await first.of('a.test')
    await first.close()
    const [file = ''] = readdirSync(folder)
    const damage = () => writeFileSync(join(folder, file), '{"domain":"a.te')
    const isLost = (answer: Awaited<ReturnType<StsPolicies['of']>>) => answer.is === 'none' && answer.lost === true

    damage()
    publish('a.test', null)
    host.answer = (_, response) => void response.writeHead(500).end()
    const second = await open()
    assert.deepEqual(
      [log, [...counted]],
      [['kept MTA-STS policies are damaged: mail waits until they were fetched anew'], [1]],
    )
    assert.ok(isLost(await second.of('a.test')), 'neither record nor policy')
    resolver.failing.add('txt _mta-sts.a.test')
    assert.ok(isLost(await second.of('a.test')), 'the DNS fails')
    resolver.failing.clear()
    assert.equal(isLost(await second.of('b.test')), false, 'only the domain whose it was')
    clock.advance(5 * MINUTE_MS)
    host.answer = policyText('enforce', ['mx.a.test'], 7 * 86_400)
    assert.equal(mode(await second.of('a.test')), 'enforce', 'though nobody publishes a record')
    await second.close()
    assert.equal(mode(await (await open()).of('a.test')), 'enforce', 'it lies there again')

    damage()
    host.answer = (_, response) => void response.writeHead(404).end()
    const third = await open()
    clock.advance(4 * 60 * MINUTE_MS - 1)
    assert.ok(isLost(await third.of('a.test')))
    clock.advance(1)
    assert.equal(isLost(await third.of('a.test')), false, 'a domain that gave up its policy is not cut off for ever')
    assert.deepEqual(readdirSync(folder), [])
  })

  it('are fetched anew before they end, as long as mail asks for them', async (t) => {
    const { host, clock, open } = await setUp(t, { sweepMs: 100 * DAY_MS, forgetMs: 5 * DAY_MS })
    const policies = await open()
    await policies.of('a.test')
    clock.advance(3 * DAY_MS)
    await policies.sweep()
    assert.equal(host.asked.length, 1, 'half of its time has not passed')
    clock.advance(DAY_MS)
    await policies.sweep()
    assert.equal(host.asked.length, 2)
    clock.advance(4 * DAY_MS)
    await policies.sweep()
    assert.equal(host.asked.length, 2, 'no mail asked for it for long')
    assert.equal(policies.size, 1)
    clock.advance(3 * DAY_MS)
    await policies.sweep()
    assert.equal(policies.size, 0)
  })

  it('are swept by themselves', async (t) => {
    const { clock, open, folder } = await setUp(t, { sweepMs: DAY_MS, forgetMs: 0 })
    const policies = await open()
    await policies.of('a.test')
    const swept = () => {
      clock.advance(DAY_MS)
      return policies.size === 0
    }
    await waitFor(swept, { what: 'the policy to be dropped' })
    await policies.close()
    assert.equal(policies.size, 0)
    assert.deepEqual(readdirSync(folder), [])
  })

  it('are bounded in number: the one that was not used longest goes', async (t) => {
    const { clock, folder, open, publish } = await setUp(t, { maxPolicies: 2 })
    const policies = await open()
    for (const domain of ['a.test', 'b.test', 'a.test', 'c.test']) {
      await policies.of(domain)
      clock.advance(1)
    }
    assert.equal(policies.size, 2)
    assert.equal(readdirSync(folder).length, 2)
    for (const domain of DOMAINS) publish(domain, null)
    assert.deepEqual(await Promise.all(DOMAINS.map(async (domain) => mode(await policies.of(domain)))), [
      'enforce',
      'none',
      'enforce',
    ])
  })
})

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { systemClock } from '../../../../src/clock.ts'
import { judgeStsHost } from '../../../../src/daemon/dns/judge-receiver.ts'
import { ownPolicy } from '../../../../src/transport/mta-sts/own.ts'
import { STS_DEFAULTS } from '../../../../src/transport/mta-sts/policies.ts'
import { makeAuthority } from '../../../support/authority.ts'
import { type PolicyHost, policyText, startPolicyHost } from '../../../support/policy-host.ts'
import { freePort } from '../../../support/ports.ts'
import { type Zone, zoneResolver } from '../../../support/zone.ts'

const authority = makeAuthority('Test Authority')
const HOST = 'mta-sts.royal.test'
const own = ownPolicy({ mode: 'enforce', mx: ['a.royal.test', 'b.royal.test'], maxAge: 86_400 })
const THERE: Zone = { [HOST]: { a: ['127.0.0.1'] } }

function judge(port: number, zone: Zone = THERE) {
  const options = { ...STS_DEFAULTS, port, authorities: [authority.alone], allowLoopback: true, timeoutMs: 10_000 }
  return judgeStsHost('royal.test', own, options, { resolver: zoneResolver(zone), clock: systemClock })
}

async function serving(t: TestContext, answer: PolicyHost['answer'], name = HOST) {
  const { port } = await startPolicyHost(t, authority.issue([name]), answer)
  const { is, note } = await judge(port)
  return { is, note: note ?? '' }
}

describe('the check of a policy host', () => {
  it('is content with the same policy, its exchangers in any order', async (t) => {
    assert.equal((await serving(t, own.text)).is, 'ok')
    assert.equal((await serving(t, policyText('enforce', ['b.royal.test', 'a.royal.test']))).is, 'ok')
  })

  it('tells another policy from ours', async (t) => {
    for (const text of [
      policyText('testing', own.policy.mx),
      policyText('enforce', ['a.royal.test']),
      policyText('enforce', own.policy.mx, 60),
    ]) {
      const { is, note } = await serving(t, text)
      assert.equal(is, 'different')
      assert.match(note, /^it serves another policy: version: STSv1, /)
    }
  })

  it('says so where the host answers and senders would not believe it', async (t) => {
    const missing = await serving(t, (_, response) => void response.writeHead(404).end('no'))
    assert.equal(missing.is, 'different')
    assert.match(missing.note, /answers with 404/)
    const html: PolicyHost['answer'] = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end(own.text)
    }
    assert.match((await serving(t, html)).note, /not text\/plain/)
    assert.equal((await serving(t, 'nonsense')).is, 'different')
    assert.equal((await serving(t, own.text, 'royal.test')).is, 'different')
  })

  it('cannot tell where nobody answers, and misses a host that is not in the DNS', async () => {
    const { is, found } = await judge(await freePort())
    assert.deepEqual([is, found], ['unknown', ['127.0.0.1']])
    assert.equal((await judge(1, {})).is, 'missing')
  })
})

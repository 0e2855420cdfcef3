import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { systemClock } from '../../../../src/clock.ts'
import { type FetchOptions, fetchPolicy } from '../../../../src/transport/mta-sts/fetch.ts'
import { STS_DEFAULTS } from '../../../../src/transport/mta-sts/policies.ts'
import { type IssueOptions, makeAuthority } from '../../../support/authority.ts'
import { type PolicyHost, policyText, startPolicyHost } from '../../../support/policy-host.ts'
import { zoneResolver } from '../../../support/zone.ts'

const authority = makeAuthority('Test Authority')
const other = makeAuthority('Another Authority')
const HOST = 'mta-sts.example.test'
const POLICY = policyText('enforce', ['mx.example.test'])
const DAY_MS = 86_400_000

interface Face {
  readonly names?: readonly string[]
  readonly issue?: IssueOptions
  readonly options?: Partial<FetchOptions>
  readonly address?: string
}

async function fetchFrom(
  t: TestContext,
  answer: PolicyHost['answer'],
  { names = [HOST], issue = {}, options = {}, address = '127.0.0.1' }: Face = {},
) {
  const host = await startPolicyHost(t, authority.issue(names, issue), answer)
  const resolver = zoneResolver({ [HOST]: { a: [address] } })
  const all = {
    ...STS_DEFAULTS,
    port: host.port,
    authorities: [authority.alone],
    allowLoopback: true,
    timeoutMs: 10_000,
    ...options,
  }
  return { host, fetched: await fetchPolicy('example.test', all, { resolver, clock: systemClock }) }
}

const trouble = ({ fetched }: Awaited<ReturnType<typeof fetchFrom>>): string =>
  fetched.ok ? 'none' : fetched.trouble.type

describe('fetching an MTA-STS policy', () => {
  it('asks the well-known place of the policy host for it', async (t) => {
    const { host, fetched } = await fetchFrom(t, POLICY)
    assert.deepEqual(fetched, { ok: true, policy: { mode: 'enforce', mx: ['mx.example.test'], maxAge: 86_400 } })
    assert.deepEqual(host.asked, [`${HOST} /.well-known/mta-sts.txt`])
  })

  it('does not believe a certificate that does not hold', async (t) => {
    assert.equal(trouble(await fetchFrom(t, POLICY, { names: ['example.test'] })), 'sts-webpki-invalid')
    assert.equal(
      trouble(await fetchFrom(t, POLICY, { issue: { until: Date.now() - DAY_MS / 2 } })),
      'sts-webpki-invalid',
    )
    assert.equal(trouble(await fetchFrom(t, POLICY, { issue: { clientOnly: true } })), 'sts-webpki-invalid')
    assert.equal(trouble(await fetchFrom(t, POLICY, { options: { authorities: [other.alone] } })), 'sts-webpki-invalid')
    assert.equal(trouble(await fetchFrom(t, POLICY, { options: { authorities: null } })), 'sts-webpki-invalid')
  })

  it('follows no redirect, and takes nothing but 200', async (t) => {
    for (const status of [301, 302, 307, 404, 500, 204, 206]) {
      const { host, fetched } = await fetchFrom(t, (_, response) => {
        response
          .writeHead(status, { location: '/elsewhere', 'content-type': 'text/plain' })
          .end(status === 204 ? undefined : POLICY)
      })
      assert.ok(
        !fetched.ok &&
          fetched.trouble.type === 'sts-policy-fetch-error' &&
          fetched.trouble.text.includes(String(status)),
      )
      assert.equal(host.asked.length, 1)
    }
  })

  it('takes nothing but plain text', async (t) => {
    const as = (type: string | null) => (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, type === null ? {} : { 'content-type': type }).end(POLICY)
    }
    for (const type of ['text/html', 'application/octet-stream', 'text/plainish', null]) {
      assert.equal(trouble(await fetchFrom(t, as(type))), 'sts-policy-fetch-error')
    }
    assert.equal(trouble(await fetchFrom(t, as('Text/Plain;charset=us-ascii'))), 'none')
  })

  it('says so where a policy is invalid', async (t) => {
    const { fetched } = await fetchFrom(t, 'version: STSv1\nmode: enforce\nmax_age: 60\n')
    assert.deepEqual(fetched, {
      ok: false,
      trouble: { type: 'sts-policy-invalid', text: 'the policy of example.test is invalid: it names no mx' },
    })
  })

  it('reads 64 KiB and no byte more, however long the body goes on', async (t) => {
    const exactly = (bytes: number) => `${POLICY}future: ${'x'.repeat(bytes - POLICY.length - 8)}`
    assert.equal(trouble(await fetchFrom(t, exactly(65_536))), 'none')
    assert.equal(trouble(await fetchFrom(t, exactly(65_537))), 'sts-policy-invalid')
    const endless = (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'text/plain' })
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(16_384)));
      }
      response.on('drain', more)
      more()
    }
    assert.equal(trouble(await fetchFrom(t, endless)), 'sts-policy-invalid')
  })

  it('waits so long and no longer, wherever the server is slow', async (t) => {
    const silent = () => {}
    const drip = (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'text/plain' })
      const timer = setInterval(() => response.write('x'), 20)
      response.on('close', () => clearInterval(timer))
    }
    for (const slow of [silent, drip]) {
      const { fetched } = await fetchFrom(t, slow, { options: { timeoutMs: 300 } })
      assert.ok(!fetched.ok && /no policy from mta-sts.example.test in/.test(fetched.trouble.text))
    }
  })

  it('waits no longer for a server that says nothing in the handshake', async (t) => {
    const mute = createServer((socket) => t.after(() => socket.destroy()))
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    t.after(() => mute.close())
    const { port } = mute.address() as { port: number }
    assert.equal(trouble(await fetchFrom(t, POLICY, { options: { timeoutMs: 300, port } })), 'sts-policy-fetch-error')
  })

  it('does not go to this machine itself, unless a test says so', async (t) => {
    const found = await fetchFrom(t, POLICY, { options: { allowLoopback: false } })
    assert.equal(trouble(found), 'sts-policy-fetch-error')
    assert.deepEqual(found.host.asked, [])
  })

  it('calls a DNS that fails a failure to fetch', async () => {
    const resolver = zoneResolver({}, [`a ${HOST}`, `aaaa ${HOST}`])
    const fetched = await fetchPolicy('example.test', STS_DEFAULTS, { resolver, clock: systemClock })
    assert.ok(!fetched.ok && fetched.trouble.type === 'sts-policy-fetch-error')
  })
})

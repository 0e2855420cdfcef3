import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { silentLog } from '../../../src/log.ts'
import { openObserveHttp } from '../../../src/observe/http.ts'
import { createMetrics } from '../../../src/observe/registry.ts'

async function open(t: TestContext, findings: { unhealthy?: string[]; unready?: string[] } = {}): Promise<string> {
  const http = await openObserveHttp({
    address: '127.0.0.1',
    port: 0,
    metrics: createMetrics({ strict: true }),
    log: silentLog,
    unhealthy: () => findings.unhealthy ?? [],
    unready: () => findings.unready ?? [],
  })
  t.after(() => http.close())
  return `http://${http.address}:${http.port}`
}

test('/metrics gives the text format', async (t) => {
  const response = await fetch(`${await open(t)}/metrics?ignored=1`)
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  assert.match(await response.text(), /^postern_accepted_bytes_total 0$/m)
})

test('/healthz and /readyz say ok, or 503 and why', async (t) => {
  const well = await open(t)
  assert.equal(await (await fetch(`${well}/healthz`)).text(), 'ok\n')
  assert.equal((await fetch(`${well}/readyz`)).status, 200)
  const full = await open(t, { unready: ['the disk of the spool is full'] })
  assert.equal((await fetch(`${full}/healthz`)).status, 200)
  const response = await fetch(`${full}/readyz`)
  assert.equal(response.status, 503)
  assert.equal(await response.text(), 'the disk of the spool is full\n')
})

test('Anything else is refused', async (t) => {
  const url = await open(t)
  assert.equal((await fetch(`${url}/`)).status, 404)
  assert.equal((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status, 405)
})

test('An address that cannot be bound rejects', async (t) => {
  const taken = new URL(await open(t))
  await assert.rejects(
    openObserveHttp({
      address: taken.hostname,
      port: Number(taken.port),
      metrics: createMetrics(),
      log: silentLog,
      unhealthy: () => [],
      unready: () => [],
    }),
    { code: 'EADDRINUSE' },
  )
})

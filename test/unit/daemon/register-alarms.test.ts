import assert from 'node:assert/strict'
import { test } from 'node:test'
import { secureDomainsOf } from '../../../src/config/secure-domains/file.ts'
import { registerAlarms, watchRegister } from '../../../src/daemon/register-alarms.ts'
import { createMetrics } from '../../../src/observe/registry.ts'
import { manualClock } from '../../support/clock.ts'
import { line, register } from '../config/secure-domains/support.ts'

const DAY_MS = 86_400_000
const NOW = Date.UTC(2026, 8, 1)
const config = (...lines: readonly string[]) => ({
  secureDomains: secureDomainsOf('/etc/postern/secure-domains.csv', 30 * DAY_MS, register(...lines)),
})

test('entries that have expired, and those that will within the time of warning, are alarms', () => {
  const found = config(
    line({ domain: 'soon.test', 'expires-on': '2026-10-01' }),
    line({ domain: 'late.test', 'expires-on': '2026-09-01', owner: 'Ada' }),
    line({ domain: 'fine.test', 'expires-on': '2026-10-02' }),
    line({ domain: 'gone.test', 'expires-on': '2026-08-01', status: 'retired' }),
  )
  const [late, soon, ...more] = registerAlarms(found, NOW)
  assert.match(late ?? '', /^secure domain late\.test expired on 2026-09-01 and is not secure any more \(owner: Ada\)/)
  assert.match(soon ?? '', /^secure domain soon\.test expires on 2026-10-01, in 30 days \(owner: Mail team/)
  assert.deepEqual(more, [])
})

test('many are told by the first twenty and a count, and none without a register', () => {
  const lines = Array.from({ length: 25 }, (_, i) => line({ domain: `d${i}.test`, 'expires-on': '2026-08-01' }))
  const found = registerAlarms(config(...lines), NOW)
  assert.equal(found.length, 21)
  assert.match(found.at(-1) ?? '', /^5 more secure domains have expired/)
  assert.deepEqual(registerAlarms({ secureDomains: null }, NOW), [])
})

test('the metrics count the entries by standing, and say which expires next and when', async () => {
  const metrics = createMetrics({ strict: true })
  const clock = manualClock(NOW)
  let found: Parameters<typeof registerAlarms>[0] = config(
    line({ domain: 'next.test', 'expires-on': '2026-09-03' }),
    line({ domain: 'later.test', 'expires-on': '2026-09-04' }),
    line({ domain: 'gone.test', status: 'retired' }),
  )
  watchRegister(metrics, () => found, clock)
  const text = await metrics.text()
  assert.match(text, /^postern_secure_domains\{standing="secure"\} 2$/m)
  assert.match(text, /^postern_secure_domains\{standing="retired"\} 1$/m)
  assert.match(text, /^postern_secure_domain_next_expiry_seconds\{domain="next\.test"\} 172800$/m)
  await clock.advance(2 * DAY_MS)
  const later = await metrics.text()
  assert.match(later, /^postern_secure_domains\{standing="expired"\} 1$/m)
  assert.match(later, /^postern_secure_domain_next_expiry_seconds\{domain="later\.test"\} 86400$/m)
  assert.doesNotMatch(later, /next\.test/)
  found = { secureDomains: null }
  assert.doesNotMatch(await metrics.text(), /^postern_secure_domain/m)
})
